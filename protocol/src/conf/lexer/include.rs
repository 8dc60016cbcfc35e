//! The path behind the word `include`.

use super::{Lexer, Next, Quote, State, SyntaxError, Token, is_blank, is_newline};
use crate::conf::text;

impl Lexer<'_> {
    pub(super) fn include_start(&mut self) -> Next {
        if is_blank(self.next()) {
            return self.skip_to(State::IncludeStart);
        }
        self.back();
        Some(State::IncludeValue)
    }

    pub(super) fn include_value(&mut self) -> Next {
        let c = self.next();
        let found = match c {
            '\'' => return self.quoted_path(Quote::Single),
            '"' => return self.quoted_path(Quote::Double),
            '[' => "start of an array",
            '{' => "start of a map",
            '(' => "start of a block",
            '-' => "start of a number",
            c if text::is_digit(c) => "start of a number",
            '\\' => "escape sequence",
            c if is_newline(c) => "new line",
            _ => {
                self.back();
                return self.bare_path();
            }
        };
        self.fail(SyntaxError::ExpectedInclude(found))
    }

    fn quoted_path(&mut self, quote: Quote) -> Next {
        self.skip();
        loop {
            let c = self.next();
            if c == quote.mark() {
                return self.path_before_quote();
            }
            if c == '\0' {
                return self.fail(match quote {
                    Quote::Single => SyntaxError::EofInQuotedInclude,
                    Quote::Double => SyntaxError::EofInDoubleQuotedInclude,
                });
            }
        }
    }

    fn bare_path(&mut self) -> Next {
        loop {
            match self.next() {
                '\0' | ';' | '}' | ' ' | '\t' | '\n' | '\r' => {
                    self.back();
                    self.emit(Token::Include);
                    return self.pop();
                }
                '\'' => return self.path_before_quote(),
                _ => {}
            }
        }
    }

    fn path_before_quote(&mut self) -> Next {
        self.back();
        self.emit(Token::Include);
        self.next();
        self.skip();
        self.pop()
    }
}
