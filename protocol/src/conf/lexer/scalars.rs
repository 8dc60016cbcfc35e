//! Strings, numbers and dates.

use super::{Lexer, Next, State, SyntaxError, Token, is_blank, is_newline};
use crate::conf::{error::Found, text};

impl Lexer<'_> {
    /// A single-quoted string: no escapes, may span lines.
    pub(super) fn single_quoted(&mut self) -> Next {
        loop {
            match self.next() {
                '\'' => return self.string_before_quote(),
                '\0' => return self.end_of_input(),
                _ => {}
            }
        }
    }

    pub(super) fn double_quoted(&mut self) -> Next {
        loop {
            match self.next() {
                '\\' => return self.start_escape(),
                '"' => return self.string_before_quote(),
                '\0' => return self.end_of_input(),
                _ => {}
            }
        }
    }

    fn string_before_quote(&mut self) -> Next {
        self.back();
        self.emit(Token::String);
        self.next();
        self.skip();
        self.pop()
    }

    /// A string without quotes, which may turn out to be a boolean or a variable.
    pub(super) fn bare(&mut self) -> Next {
        loop {
            match self.next() {
                '\\' => return self.start_escape(),
                '\0' | ';' | ',' | ']' | '}' | ' ' | '\t' | '\n' | '\r' => {
                    self.back();
                    let token = self.bare_token();
                    self.emit(token);
                    return self.pop();
                }
                '\'' => return self.string_before_quote(),
                _ => {}
            }
        }
    }

    fn bare_token(&mut self) -> Token {
        if self.unescaped.is_some() {
            return Token::String;
        }
        let word = self.collected();
        let is_bool = ["true", "false", "on", "off", "yes", "no"]
            .iter()
            .any(|spelling| word.eq_ignore_ascii_case(spelling.as_bytes()));
        if is_bool {
            return Token::Bool;
        }
        if word.first() == Some(&b'$') {
            self.start += 1;
            return Token::Variable;
        }
        Token::String
    }

    /// A string in parentheses, up to a `)` alone on its line.
    pub(super) fn block_string(&mut self) -> Next {
        loop {
            match self.next() {
                ')' => {
                    // The second step back uses the width of the parenthesis, too: it lands on the
                    // last byte before it.
                    self.back();
                    self.back();
                    if self.next() != '\n' {
                        self.next();
                        continue;
                    }
                    self.next();
                    if matches!(self.next(), '\n' | '\0') {
                        // At the end of the input both steps have width 0, so the parenthesis stays
                        // part of the string.
                        self.back();
                        self.back();
                        self.emit(Token::String);
                        self.next();
                        self.skip();
                        return self.pop();
                    }
                    self.back();
                }
                '\0' => return self.fail(SyntaxError::EofInBlock),
                _ => {}
            }
        }
    }

    fn start_escape(&mut self) -> Next {
        let before = self.input.get(self.start..self.pos - 1).unwrap_or_default();
        self.unescaped
            .get_or_insert_default()
            .extend_from_slice(before);
        self.start = self.pos;
        Some(State::Escape)
    }

    pub(super) fn escape(&mut self) -> Next {
        let byte = match self.next() {
            'x' => return Some(State::HexEscape),
            't' => b'\t',
            'n' => b'\n',
            'r' => b'\r',
            '"' => b'"',
            '\\' => b'\\',
            c => return self.fail_at(c, SyntaxError::InvalidEscape),
        };
        self.end_escape(byte)
    }

    fn end_escape(&mut self, byte: u8) -> Next {
        self.unescaped.get_or_insert_default().push(byte);
        self.start = self.pos;
        Some(self.string_state)
    }

    pub(super) fn hex_escape(&mut self) -> Next {
        for _ in 0..2 {
            if is_newline(self.next()) {
                return self.fail(SyntaxError::HexEscapeAtLineEnd);
            }
        }
        let digits = self
            .input
            .get(self.pos.saturating_sub(2)..self.pos)
            .unwrap_or_default();
        let value = |digit: u8| {
            char::from(digit)
                .to_digit(16)
                .and_then(|d| u8::try_from(d).ok())
        };
        match digits {
            &[high, low] => match (value(high), value(low)) {
                (Some(high), Some(low)) => self.end_escape(high << 4 | low),
                _ => self.fail(SyntaxError::InvalidHexEscape(text::lossy(digits))),
            },
            _ => self.fail(SyntaxError::InvalidHexEscape(text::lossy(digits))),
        }
    }

    pub(super) fn number_start(&mut self) -> Next {
        self.first_digit(State::Number)
    }

    pub(super) fn negative_start(&mut self) -> Next {
        self.first_digit(State::Negative)
    }

    fn first_digit(&mut self, then: State) -> Next {
        match self.next() {
            c if text::is_digit(c) => Some(then),
            '.' => self.fail(SyntaxError::FloatWithoutDigit),
            c => self.fail_at(c, SyntaxError::ExpectedDigit),
        }
    }

    /// Digits that may grow into a date, a float, an address or any other string.
    pub(super) fn number(&mut self) -> Next {
        loop {
            match self.next() {
                '-' if self.pos - self.start != 5 => return self.fail(SyntaxError::IncompleteDate),
                '-' => return Some(State::DateAfterYear),
                c if text::is_digit(c) => {}
                '.' => return Some(State::FloatStart),
                c if is_size_suffix(c) => return Some(State::SizedNumber),
                c if ends_number(c) => return self.emit_back(Token::Integer),
                // Among these is `]`: an array must have a blank between its last number and its end.
                _ => {
                    self.string_state = State::Bare;
                    return Some(State::Bare);
                }
            }
        }
    }

    /// Digits and a size letter, as in `1k` or `1Mb`.
    pub(super) fn sized_number(&mut self) -> Next {
        loop {
            let c = self.next();
            if matches!(c, 'b' | 'B' | 'i' | 'I') {
                continue;
            }
            if ends_number(c) || text::is_digit(c) {
                return self.emit_back(Token::Integer);
            }
            self.back();
            self.string_state = State::Bare;
            return Some(State::Bare);
        }
    }

    /// The rest of `YYYY-MM-DDThh:mm:ssZ`.
    pub(super) fn date_after_year(&mut self) -> Next {
        for expected in "00-00T00:00:00Z".chars() {
            let c = self.next();
            if expected == '0' {
                if !text::is_digit(c) {
                    return self.fail_at(c, SyntaxError::ExpectedDateDigit);
                }
            } else if expected != c {
                return self.fail(SyntaxError::ExpectedInDate {
                    expected,
                    found: Found(c),
                });
            }
        }
        self.emit(Token::DateTime);
        self.pop()
    }

    pub(super) fn negative(&mut self) -> Next {
        loop {
            match self.next() {
                c if text::is_digit(c) => {}
                '.' => return Some(State::FloatStart),
                c if is_size_suffix(c) => return Some(State::SizedNumber),
                _ => return self.emit_back(Token::Integer),
            }
        }
    }

    pub(super) fn float_start(&mut self) -> Next {
        match self.next() {
            c if text::is_digit(c) => Some(State::FloatDigits),
            c => self.fail_at(c, SyntaxError::ExpectedFraction),
        }
    }

    pub(super) fn float_digits(&mut self) -> Next {
        loop {
            match self.next() {
                c if text::is_digit(c) => {}
                '.' => return Some(State::Address),
                _ => return self.emit_back(Token::Float),
            }
        }
    }

    /// An IPv4 address with or without a port: a bare string that may contain colons.
    pub(super) fn address(&mut self) -> Next {
        loop {
            match self.next() {
                '.' | ':' | '-' => {}
                c if text::is_digit(c) => {}
                _ => return self.emit_back(Token::String),
            }
        }
    }

    fn emit_back(&mut self, token: Token) -> Next {
        self.back();
        self.emit(token);
        self.pop()
    }
}

const fn is_size_suffix(c: char) -> bool {
    matches!(c.to_ascii_lowercase(), 'k' | 'm' | 'g' | 't' | 'p' | 'e')
}

fn ends_number(c: char) -> bool {
    is_newline(c) || is_blank(c) || matches!(c, '\0' | '}' | ';' | ',')
}
