//! Values in general, and the insides of arrays and maps.

use super::{
    Lexer, Next, Quote, State, SyntaxError, Token, is_blank, is_key_separator, is_newline,
};
use crate::conf::text;

impl Lexer<'_> {
    /// The start of a value, on the same line as what introduced it.
    pub(super) fn value(&mut self) -> Next {
        let c = self.next();
        match c {
            c if is_blank(c) => self.skip_to(State::Value),
            '[' => {
                self.skip();
                self.emit(Token::ArrayStart);
                Some(State::ArrayValue)
            }
            '{' => {
                self.skip();
                self.emit(Token::MapStart);
                Some(State::MapKeyStart)
            }
            '\'' => self.skip_to(State::SingleQuoted),
            '"' => {
                self.string_state = State::DoubleQuoted;
                self.skip_to(State::DoubleQuoted)
            }
            '-' => Some(State::NegativeStart),
            '(' => self.skip_to(State::BlockString),
            c if text::is_digit(c) => {
                self.back();
                Some(State::NumberStart)
            }
            '.' => self.fail(SyntaxError::FloatStart),
            c if is_newline(c) => self.fail(SyntaxError::ValueOnNewLine),
            _ => {
                self.back();
                self.string_state = State::Bare;
                Some(State::Bare)
            }
        }
    }

    pub(super) fn array_value(&mut self) -> Next {
        let c = self.next();
        match c {
            c if c.is_whitespace() => return self.skip_to(State::ArrayValue),
            '#' => return self.comment_then(State::ArrayValue),
            '/' if self.second_slash() => return self.comment_then(State::ArrayValue),
            '/' | ',' => return self.fail(SyntaxError::UnexpectedArraySeparator),
            ']' => return self.array_end(),
            _ => {}
        }
        self.back();
        self.push(State::ArrayValueEnd);
        Some(State::Value)
    }

    pub(super) fn array_value_end(&mut self) -> Next {
        let c = self.next();
        match c {
            c if is_blank(c) => self.skip_to(State::ArrayValueEnd),
            '#' => self.comment_then(State::ArrayValueEnd),
            '/' if self.second_slash() => self.comment_then(State::ArrayValueEnd),
            '/' | ',' => self.skip_to(State::ArrayValue),
            c if is_newline(c) => self.skip_to(State::ArrayValue),
            ']' => self.array_end(),
            c => self.fail_at(c, SyntaxError::ExpectedArrayEnd),
        }
    }

    fn array_end(&mut self) -> Next {
        self.skip();
        self.emit(Token::ArrayEnd);
        self.pop()
    }

    pub(super) fn map_key_start(&mut self) -> Next {
        let c = self.peek();
        match c {
            c if is_key_separator(c) => {
                return self.fail_at(c, SyntaxError::UnexpectedMapKeySeparator);
            }
            ']' => return self.fail(SyntaxError::UnexpectedArrayEnd),
            c if c.is_whitespace() => {
                self.next();
                return self.skip_to(State::MapKeyStart);
            }
            '}' => {
                self.next();
                return self.map_end();
            }
            '#' => {
                self.next();
                return self.comment_then(State::MapKeyStart);
            }
            '/' => {
                self.next();
                if self.second_slash() {
                    return self.comment_then(State::MapKeyStart);
                }
            }
            '\'' => {
                self.next();
                return self.skip_to(State::MapQuotedKey(Quote::Single));
            }
            '"' => {
                self.next();
                return self.skip_to(State::MapQuotedKey(Quote::Double));
            }
            '\0' => return self.fail(SyntaxError::EofInMap),
            _ => {}
        }
        self.skip();
        self.next();
        Some(State::MapKey)
    }

    pub(super) fn map_quoted_key(&mut self, quote: Quote) -> Next {
        loop {
            let c = self.peek();
            if c == '\0' {
                return self.fail(match quote {
                    Quote::Single => SyntaxError::EofInQuotedMapKey,
                    Quote::Double => SyntaxError::EofInDoubleQuotedMapKey,
                });
            }
            if c == quote.mark() {
                self.emit(Token::Key);
                self.next();
                return self.skip_to(State::MapKeyEnd);
            }
            self.next();
        }
    }

    pub(super) fn map_key(&mut self) -> Next {
        loop {
            let c = self.peek();
            if c == '\0' {
                return self.fail(SyntaxError::EofInMapKey);
            }
            if c.is_whitespace() {
                return self.keyword_or_key(State::MapKeyEnd, Some(State::MapValueEnd));
            }
            if is_key_separator(c) {
                self.emit(Token::Key);
                return Some(State::MapKeyEnd);
            }
            self.next();
        }
    }

    pub(super) fn map_key_end(&mut self) -> Next {
        let c = self.next();
        if c.is_whitespace() {
            return self.skip_to(State::MapKeyEnd);
        }
        if is_key_separator(c) {
            return self.skip_to(State::MapValue);
        }
        self.back();
        Some(State::MapValue)
    }

    pub(super) fn map_value(&mut self) -> Next {
        let c = self.next();
        match c {
            c if c.is_whitespace() => return self.skip_to(State::MapValue),
            ',' => return self.fail(SyntaxError::UnexpectedMapSeparator),
            '}' => return self.map_end(),
            _ => {}
        }
        self.back();
        self.push(State::MapValueEnd);
        Some(State::Value)
    }

    pub(super) fn map_value_end(&mut self) -> Next {
        let c = self.next();
        match c {
            c if is_blank(c) => self.skip_to(State::MapValueEnd),
            '#' => self.comment_then(State::MapValueEnd),
            '/' if self.second_slash() => self.comment_then(State::MapValueEnd),
            '/' | ';' | ',' => self.skip_to(State::MapKeyStart),
            c if is_newline(c) => self.skip_to(State::MapKeyStart),
            '}' => self.map_end(),
            c => self.fail_at(c, SyntaxError::ExpectedMapEnd),
        }
    }

    fn map_end(&mut self) -> Next {
        self.skip();
        self.emit(Token::MapEnd);
        self.pop()
    }
}
