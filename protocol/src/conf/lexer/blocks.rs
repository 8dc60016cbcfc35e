//! The outermost level of a file: keys with their values, and braces around all of it.

use super::{
    Lexer, Next, Quote, State, SyntaxError, Token, is_blank, is_key_separator, is_newline,
};
use crate::conf::text;

impl Lexer<'_> {
    pub(super) fn top(&mut self) -> Next {
        let c = self.next();
        if c.is_whitespace() {
            return self.skip_to(State::Top);
        }
        match c {
            '{' => {
                self.push(State::Top);
                return self.skip_to(State::BlockStart);
            }
            '#' => return self.comment_then(State::Top),
            '/' if self.second_slash() => return self.comment_then(State::Top),
            '/' | '\0' => return self.end_of_input(),
            _ => {}
        }
        self.back();
        self.push(State::TopValueEnd);
        Some(State::KeyStart)
    }

    pub(super) fn top_value_end(&mut self) -> Next {
        let c = self.next();
        match c {
            '#' => self.comment_then(State::Top),
            '/' if self.second_slash() => self.comment_then(State::Top),
            '/' => Some(State::TopValueEnd),
            c if is_blank(c) => Some(State::TopValueEnd),
            '\0' | ';' | ',' | '}' => self.skip_to(State::Top),
            c if is_newline(c) => self.skip_to(State::Top),
            c => self.fail_at(c, SyntaxError::ExpectedTopLevelEnd),
        }
    }

    /// Inside braces that wrap the top level, before a key.
    pub(super) fn block_start(&mut self) -> Next {
        let c = self.next();
        if c.is_whitespace() {
            return self.skip_to(State::BlockStart);
        }
        match c {
            '{' => {
                self.push(State::BlockEnd);
                return self.skip_to(State::BlockStart);
            }
            '}' => {
                self.skip();
                return self.pop();
            }
            '#' => return self.comment_then(State::BlockStart),
            '/' if self.second_slash() => return self.comment_then(State::BlockStart),
            '/' | '\0' => return self.end_of_input(),
            _ => {}
        }
        self.back();
        self.push(State::BlockValueEnd);
        Some(State::KeyStart)
    }

    pub(super) fn block_value_end(&mut self) -> Next {
        let c = self.next();
        match c {
            '#' => self.comment_then(State::BlockValueEnd),
            '/' if self.second_slash() => self.comment_then(State::BlockValueEnd),
            '/' => Some(State::BlockValueEnd),
            c if is_blank(c) => Some(State::BlockValueEnd),
            ';' | ',' => self.skip_to(State::BlockStart),
            c if is_newline(c) => self.skip_to(State::BlockStart),
            '}' => {
                self.back();
                Some(State::BlockEnd)
            }
            c => self.fail_at(c, SyntaxError::ExpectedBlockLevelEnd),
        }
    }

    pub(super) fn block_end(&mut self) -> Next {
        let c = self.next();
        match c {
            '#' => self.comment_then(State::BlockStart),
            '/' if self.second_slash() => self.comment_then(State::BlockStart),
            '/' => Some(State::BlockEnd),
            c if is_newline(c) || is_blank(c) => Some(State::BlockEnd),
            ';' | ',' => self.skip_to(State::BlockStart),
            '}' => {
                self.skip();
                self.pop()
            }
            c => self.fail_at(c, SyntaxError::ExpectedBlockEnd),
        }
    }

    pub(super) fn key_start(&mut self) -> Next {
        let c = self.peek();
        if is_key_separator(c) {
            return self.fail_at(c, SyntaxError::UnexpectedKeySeparator);
        }
        if c.is_whitespace() {
            self.next();
            return self.skip_to(State::KeyStart);
        }
        let quote = match c {
            '"' => Quote::Double,
            '\'' => Quote::Single,
            _ => {
                self.skip();
                self.next();
                return Some(State::Key);
            }
        };
        self.next();
        self.skip_to(State::QuotedKey(quote))
    }

    pub(super) fn quoted_key(&mut self, quote: Quote) -> Next {
        loop {
            let c = self.peek();
            if c == quote.mark() {
                self.emit(Token::Key);
                self.next();
                return self.skip_to(State::KeyEnd);
            }
            if c == '\0' {
                return self.end_of_input();
            }
            self.next();
        }
    }

    pub(super) fn key(&mut self) -> Next {
        loop {
            let c = self.peek();
            if c.is_whitespace() {
                return self.keyword_or_key(State::KeyEnd, None);
            }
            if is_key_separator(c) || c == '\0' {
                self.emit(Token::Key);
                return Some(State::KeyEnd);
            }
            self.next();
        }
    }

    /// A bare key followed by white space may be the word `include`, which takes a path instead.
    pub(super) fn keyword_or_key(&mut self, key_end: State, after_include: Next) -> Next {
        if text::fold(&text::lossy(self.collected())) == "include" {
            self.skip();
            self.resume.extend(after_include);
            return Some(State::IncludeStart);
        }
        self.emit(Token::Key);
        Some(key_end)
    }

    pub(super) fn key_end(&mut self) -> Next {
        let c = self.next();
        if c.is_whitespace() {
            return self.skip_to(State::KeyEnd);
        }
        if is_key_separator(c) {
            return self.skip_to(State::Value);
        }
        if c == '\0' {
            return self.emit_end();
        }
        self.back();
        Some(State::Value)
    }
}
