//! Bytes to items: the state machine of the server's lexer.
//!
//! The format has no grammar on paper. What counts as a number, where a bare string ends and which
//! separators may be left out all follow from the order in which the server's lexer tries things, so
//! the states here are its states, including the places where they surprise. A combinator parser would
//! accept a cleaner language than the one real servers read.

mod blocks;
mod containers;
mod include;
mod scalars;

use super::{
    error::{Found, SyntaxError},
    text,
};

/// What an [`Item`] is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token {
    Eof,
    Key,
    String,
    Bool,
    Integer,
    Float,
    DateTime,
    ArrayStart,
    ArrayEnd,
    MapStart,
    MapEnd,
    Comment,
    Variable,
    Include,
    Error(SyntaxError),
}

/// One lexical item with the place the server reports for it.
#[derive(Debug, Clone)]
pub(super) struct Item {
    pub(super) token: Token,
    pub(super) text: Vec<u8>,
    pub(super) line: usize,
    pub(super) column: usize,
}

/// Which quotation mark opened a quoted key or path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Quote {
    Single,
    Double,
}

impl Quote {
    const fn mark(self) -> char {
        match self {
            Self::Single => '\'',
            Self::Double => '"',
        }
    }
}

/// What the lexer does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Top,
    TopValueEnd,
    BlockStart,
    BlockValueEnd,
    BlockEnd,
    KeyStart,
    QuotedKey(Quote),
    Key,
    KeyEnd,
    Value,
    ArrayValue,
    ArrayValueEnd,
    MapKeyStart,
    MapQuotedKey(Quote),
    MapKey,
    MapKeyEnd,
    MapValue,
    MapValueEnd,
    IncludeStart,
    IncludeValue,
    SingleQuoted,
    DoubleQuoted,
    Bare,
    BlockString,
    Escape,
    HexEscape,
    NumberStart,
    Number,
    SizedNumber,
    DateAfterYear,
    NegativeStart,
    Negative,
    FloatStart,
    FloatDigits,
    Address,
    Comment,
    NothingToResume,
}

/// The following state, or nothing once the last item (end or error) has been produced.
type Next = Option<State>;

/// A pull lexer over one file.
#[derive(Debug)]
pub(super) struct Lexer<'a> {
    input: &'a [u8],
    /// Where the item being collected starts.
    start: usize,
    pos: usize,
    /// Width of the last character read; 0 at the end of the input. [`Lexer::back`] may be called twice.
    width: usize,
    line: usize,
    /// Offset of the newline that opened the current line. It is not restored by stepping back: the
    /// reported columns depend on that.
    line_start: usize,
    /// `line_start` as it was when the current item started.
    item_line_start: usize,
    state: Next,
    /// What to go on with after a value or a comment.
    resume: Vec<State>,
    /// The part of a string before its last escape, once it had one.
    unescaped: Option<Vec<u8>>,
    /// The kind of string that an escape sequence returns to.
    string_state: State,
    pending: Option<Item>,
}

impl<'a> Lexer<'a> {
    pub(super) fn new(input: &'a [u8]) -> Self {
        Self {
            input,
            start: 0,
            pos: 0,
            width: 0,
            line: 1,
            line_start: 0,
            item_line_start: 0,
            state: Some(State::Top),
            resume: Vec::new(),
            unescaped: None,
            string_state: State::Bare,
            pending: None,
        }
    }

    /// The next item. After the end or an error it keeps returning the end.
    pub(super) fn next_item(&mut self) -> Item {
        loop {
            if let Some(item) = self.pending.take() {
                return item;
            }
            match self.state {
                Some(state) => self.state = self.step(state),
                None => self.emit(Token::Eof),
            }
        }
    }

    fn step(&mut self, state: State) -> Next {
        match state {
            State::Top => self.top(),
            State::TopValueEnd => self.top_value_end(),
            State::BlockStart => self.block_start(),
            State::BlockValueEnd => self.block_value_end(),
            State::BlockEnd => self.block_end(),
            State::KeyStart => self.key_start(),
            State::QuotedKey(quote) => self.quoted_key(quote),
            State::Key => self.key(),
            State::KeyEnd => self.key_end(),
            State::Value => self.value(),
            State::ArrayValue => self.array_value(),
            State::ArrayValueEnd => self.array_value_end(),
            State::MapKeyStart => self.map_key_start(),
            State::MapQuotedKey(quote) => self.map_quoted_key(quote),
            State::MapKey => self.map_key(),
            State::MapKeyEnd => self.map_key_end(),
            State::MapValue => self.map_value(),
            State::MapValueEnd => self.map_value_end(),
            State::IncludeStart => self.include_start(),
            State::IncludeValue => self.include_value(),
            State::SingleQuoted => self.single_quoted(),
            State::DoubleQuoted => self.double_quoted(),
            State::Bare => self.bare(),
            State::BlockString => self.block_string(),
            State::Escape => self.escape(),
            State::HexEscape => self.hex_escape(),
            State::NumberStart => self.number_start(),
            State::Number => self.number(),
            State::SizedNumber => self.sized_number(),
            State::DateAfterYear => self.date_after_year(),
            State::NegativeStart => self.negative_start(),
            State::Negative => self.negative(),
            State::FloatStart => self.float_start(),
            State::FloatDigits => self.float_digits(),
            State::Address => self.address(),
            State::Comment => self.comment(),
            State::NothingToResume => self.fail(SyntaxError::NothingToResume),
        }
    }

    /// Reads a character; NUL stands for the end of the input, and a NUL in the input is taken for it.
    fn next(&mut self) -> char {
        let Some(&byte) = self.input.get(self.pos) else {
            self.width = 0;
            return '\0';
        };
        if byte == b'\n' {
            self.line += 1;
            self.line_start = self.pos;
        }
        let (c, width) = text::decode(&self.input[self.pos..]);
        self.width = width;
        self.pos += width;
        c
    }

    /// Steps back by the width of the last character read.
    fn back(&mut self) {
        self.pos = self.pos.saturating_sub(self.width);
        if self.input.get(self.pos) == Some(&b'\n') {
            self.line -= 1;
        }
    }

    fn peek(&mut self) -> char {
        let c = self.next();
        self.back();
        c
    }

    /// Drops what has been collected.
    fn skip(&mut self) {
        self.start = self.pos;
        self.item_line_start = self.line_start;
    }

    fn skip_to(&mut self, state: State) -> Next {
        self.skip();
        Some(state)
    }

    fn push(&mut self, state: State) {
        self.resume.push(state);
    }

    fn pop(&mut self) -> Next {
        Some(self.resume.pop().unwrap_or(State::NothingToResume))
    }

    fn collected(&self) -> &'a [u8] {
        self.input.get(self.start..self.pos).unwrap_or_default()
    }

    fn emit(&mut self, token: Token) {
        let tail = self.collected();
        let text = match self.unescaped.take() {
            Some(mut text) => {
                text.extend_from_slice(tail);
                text
            }
            None => tail.to_vec(),
        };
        // An escaped string is shorter than its source, and its column is counted back from its end.
        let column = self
            .pos
            .saturating_sub(self.item_line_start)
            .saturating_sub(text.len());
        self.pending = Some(Item {
            token,
            text,
            line: self.line,
            column,
        });
        self.skip();
    }

    fn emit_end(&mut self) -> Next {
        self.emit(Token::Eof);
        None
    }

    /// Ends the input: an error when something had been collected, for example a lone `/`.
    fn end_of_input(&mut self) -> Next {
        if self.pos > self.start {
            return self.fail(SyntaxError::UnexpectedEof);
        }
        self.emit_end()
    }

    fn fail(&mut self, error: SyntaxError) -> Next {
        self.pending = Some(Item {
            token: Token::Error(error),
            text: Vec::new(),
            line: self.line,
            column: self.pos.saturating_sub(self.line_start),
        });
        None
    }

    fn fail_at(&mut self, found: char, error: impl FnOnce(Found) -> SyntaxError) -> Next {
        self.fail(error(Found(found)))
    }

    /// Starts a comment whose introducer has been read; `after` goes on behind it.
    fn comment_then(&mut self, after: State) -> Next {
        self.push(after);
        self.skip();
        Some(State::Comment)
    }

    /// Reads the second slash of a comment. Anything else is put back.
    fn second_slash(&mut self) -> bool {
        if self.next() == '/' {
            return true;
        }
        self.back();
        false
    }

    /// Consumes up to, not including, the end of the line.
    fn comment(&mut self) -> Next {
        loop {
            let c = self.peek();
            if is_newline(c) || c == '\0' {
                break;
            }
            self.next();
        }
        self.skip();
        self.emit(Token::Comment);
        self.pop()
    }
}

/// Blanks inside a line. Other white space ends no bare string and separates nothing.
const fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t')
}

const fn is_newline(c: char) -> bool {
    matches!(c, '\n' | '\r')
}

const fn is_key_separator(c: char) -> bool {
    matches!(c, '=' | ':')
}
