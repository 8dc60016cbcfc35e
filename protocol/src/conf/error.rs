//! Why a configuration cannot be read, in the words of nats-server.

use std::{fmt, sync::Arc};

use super::{ReadError, value::Position};

/// A character that was found where another was expected.
///
/// ```
/// use nats_mock_protocol::conf::Found;
/// assert_eq!(Found('x').to_string(), "x");
/// assert_eq!(Found('\n').to_string(), "\\n");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found(
    /// The character; NUL at the end of the file.
    pub char,
);

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            '\n' => f.write_str("\\n"),
            c => write!(f, "{c}"),
        }
    }
}

/// What is wrong with the text of a configuration.
///
/// `Display` gives the server's words, without line and file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SyntaxError {
    /// More closing braces than opening ones.
    #[error("BUG in lexer: no states to pop.")]
    NothingToResume,
    /// The file ended, or had a NUL byte or a lone `/`, where something had been started.
    #[error("Unexpected EOF.")]
    UnexpectedEof,
    /// Something followed a value at the top level on the same line.
    #[error(
        "Expected a top-level value to end with a new line, comment or EOF, but got '{0}' instead."
    )]
    ExpectedTopLevelEnd(Found),
    /// Something followed a value inside top-level braces on the same line.
    #[error(
        "Expected a block-level value to end with a new line, comment or EOF, but got '{0}' instead."
    )]
    ExpectedBlockLevelEnd(Found),
    /// Something other than a separator followed nested top-level braces.
    #[error("Expected a block-level to end with a '}}', but got '{0}' instead.")]
    ExpectedBlockEnd(Found),
    /// `=` or `:` without a key at the top level.
    #[error("Unexpected key separator '{0}'")]
    UnexpectedKeySeparator(Found),
    /// `=` or `:` without a key in a map.
    #[error("Unexpected key separator '{0}'.")]
    UnexpectedMapKeySeparator(Found),
    /// Behind `include` stood something that is no path.
    #[error("Expected include value but found {0}")]
    ExpectedInclude(&'static str),
    /// A path in single quotes was not closed.
    #[error("Unexpected EOF in quoted include")]
    EofInQuotedInclude,
    /// A path in double quotes was not closed.
    #[error("Unexpected EOF in double quoted include")]
    EofInDoubleQuotedInclude,
    /// A value starting with `.`.
    #[error("Floats must start with a digit")]
    FloatStart,
    /// A line that ends between a key's separator and its value.
    #[error("Expected value but found new line")]
    ValueOnNewLine,
    /// A separator where an array needs a value.
    #[error("Unexpected array value terminator ','.")]
    UnexpectedArraySeparator,
    /// Two values of an array without a separator, or an array not closed.
    #[error(
        "Expected an array value terminator \",\" or an array terminator \"]\", but got '{0}' instead."
    )]
    ExpectedArrayEnd(Found),
    /// `]` where a map needs a key.
    #[error("Unexpected array end ']' processing map.")]
    UnexpectedArrayEnd,
    /// A map was not closed.
    #[error("Unexpected EOF processing map.")]
    EofInMap,
    /// A map's key in single quotes was not closed.
    #[error("Unexpected EOF processing quoted map key.")]
    EofInQuotedMapKey,
    /// A map's key in double quotes was not closed.
    #[error("Unexpected EOF processing double quoted map key.")]
    EofInDoubleQuotedMapKey,
    /// The file ended within a map's key.
    #[error("Unexpected EOF processing map key.")]
    EofInMapKey,
    /// A comma where a map's key needs its value.
    #[error("Unexpected map value terminator \",\".")]
    UnexpectedMapSeparator,
    /// Something other than a separator followed a map's value.
    #[error(
        "Expected a map value terminator \",\" or a map terminator \"}}\", but got '{0}' instead."
    )]
    ExpectedMapEnd(Found),
    /// A string in parentheses was not closed by a `)` alone on a line.
    #[error("Unexpected EOF processing block.")]
    EofInBlock,
    /// A backslash before a character that has no escape.
    #[error(
        "Invalid escape character '{0}'. Only the following escape characters are allowed: \\xXX, \\t, \\n, \\r, \\\", \\\\."
    )]
    InvalidEscape(Found),
    /// A line end within `\xXX`.
    #[error("Expected two hexadecimal digits after '\\x', but hit end of line")]
    HexEscapeAtLineEnd,
    /// Something that is not hexadecimal within `\xXX`.
    #[error("Expected two hexadecimal digits after '\\x', but got '{0}'")]
    InvalidHexEscape(String),
    /// A minus sign and a point.
    #[error("Floats must start with a digit, not '.'.")]
    FloatWithoutDigit,
    /// A minus sign and something that is no digit.
    #[error("Expected a digit but got '{0}'.")]
    ExpectedDigit(Found),
    /// A date without its time of day.
    #[error("All ISO8601 dates must be in full Zulu form.")]
    IncompleteDate,
    /// Something other than a digit in a date.
    #[error("Expected digit in ISO8601 datetime, but found '{0}' instead.")]
    ExpectedDateDigit(Found),
    /// Something other than the separator due at this place of a date.
    #[error("Expected '{expected}' in ISO8601 datetime, but found '{found}' instead.")]
    ExpectedInDate {
        /// The separator that belongs there.
        expected: char,
        /// What stands there.
        found: Found,
    },
    /// Nothing but digits may follow a number's point.
    #[error("Floats must have a digit after the '.', but got '{0}' instead.")]
    ExpectedFraction(Found),
}

impl SyntaxError {
    /// What would have been accepted instead.
    ///
    /// ```
    /// use nats_mock_protocol::conf::SyntaxError;
    /// assert_eq!(SyntaxError::EofInMap.expected(), "a key or `}`");
    /// ```
    pub fn expected(&self) -> &'static str {
        match self {
            Self::NothingToResume => "the end of the file",
            Self::UnexpectedEof => "a key, a value or a comment",
            Self::ExpectedTopLevelEnd(_) | Self::ExpectedBlockLevelEnd(_) => {
                "a new line, `,`, `;`, `}`, a comment or the end of the file"
            }
            Self::ExpectedBlockEnd(_) => "`}`, `,`, `;`, a new line or a comment",
            Self::UnexpectedKeySeparator(_) => "a key",
            Self::UnexpectedMapKeySeparator(_) | Self::UnexpectedArrayEnd | Self::EofInMap => {
                "a key or `}`"
            }
            Self::ExpectedInclude(_) => "the path of a file",
            Self::EofInQuotedInclude | Self::EofInQuotedMapKey => "a closing `'`",
            Self::EofInDoubleQuotedInclude | Self::EofInDoubleQuotedMapKey => "a closing `\"`",
            Self::FloatStart | Self::FloatWithoutDigit | Self::ExpectedDigit(_) => "a digit",
            Self::ValueOnNewLine => "a value on the same line",
            Self::UnexpectedArraySeparator => "a value or `]`",
            Self::ExpectedArrayEnd(_) => "`,`, a new line or `]`",
            Self::EofInMapKey => "a key and its value",
            Self::UnexpectedMapSeparator => "a value",
            Self::ExpectedMapEnd(_) => "`,`, `;`, a new line or `}`",
            Self::EofInBlock => "`)` alone on a line",
            Self::InvalidEscape(_) => "`x`, `t`, `n`, `r`, `\"` or `\\`",
            Self::HexEscapeAtLineEnd | Self::InvalidHexEscape(_) => "two hexadecimal digits",
            Self::IncompleteDate | Self::ExpectedDateDigit(_) | Self::ExpectedInDate { .. } => {
                "a time of the form YYYY-MM-DDThh:mm:ssZ"
            }
            Self::ExpectedFraction(_) => "a digit after the point",
        }
    }
}

/// The kinds of [`ConfError`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The text does not follow the grammar.
    Syntax(SyntaxError),
    /// The file ends behind a key that has no value.
    MissingValue,
    /// An integer does not fit 64 bits; the text of it.
    IntegerRange(String),
    /// An integer is written with digits that are not `0`–`9`; the text of it.
    NotInteger(String),
    /// A float is beyond the range of 64-bit floats; the text of it.
    FloatRange(String),
    /// A float is written with digits that are not `0`–`9`; the text of it.
    NotFloat(String),
    /// A date that does not exist; the text of it.
    NotDateTime(String),
    /// Neither an enclosing block nor the environment has this variable.
    VariableNotFound(String),
    /// The environment's value of a variable cannot be read.
    VariableUnreadable {
        /// The variable.
        name: String,
        /// What is wrong with its value.
        source: Box<ConfError>,
    },
    /// A variable of the environment refers, through others, to itself.
    VariableCycle(String),
    /// An included file cannot be used.
    Include {
        /// The path as written.
        path: String,
        /// What is wrong with the file.
        source: Box<ConfError>,
    },
    /// A file cannot be read.
    Read {
        /// The path that was tried.
        path: String,
        /// Why it failed.
        reason: ReadError,
        /// Whether an environment value asked for the file, which the server words differently.
        from_environment: bool,
    },
    /// A file includes itself, directly or through others. A real server runs out of stack here.
    IncludeCycle(String),
    /// Includes or environment values follow one another deeper than [`Limits::files`](super::Limits::files).
    TooManyFiles(usize),
    /// Maps and arrays are nested deeper than [`Limits::depth`](super::Limits::depth).
    TooDeep(usize),
    /// The values take more room than [`Limits::bytes`](super::Limits::bytes).
    TooLarge(usize),
}

/// Why a configuration could not be read, and where.
///
/// `Display` is what `nats-server -t -c FILE` prints behind `nats-server: `. Only the bounds that a
/// real server does not have ([`ErrorKind::IncludeCycle`], [`ErrorKind::TooManyFiles`],
/// [`ErrorKind::TooDeep`], [`ErrorKind::TooLarge`]) have words of their own.
///
/// ```
/// use nats_mock_protocol::conf::{self, MemorySource};
///
/// let error = conf::parse("port: 4222\nhost: \"a", "n.conf", &MemorySource::new()).unwrap_err();
/// assert_eq!(error.to_string(), "Parse error on line 2: 'Unexpected EOF.'");
/// assert_eq!((error.at.file.as_ref(), error.at.line), ("n.conf", 2));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfError {
    /// What is wrong.
    pub kind: ErrorKind,
    /// Where, counted as the server counts.
    pub at: Position,
}

impl ConfError {
    pub(super) fn new(kind: ErrorKind, file: &Arc<str>, line: usize, column: usize) -> Self {
        Self {
            kind,
            at: Position {
                file: Arc::clone(file),
                line,
                column,
            },
        }
    }

    /// What would have been accepted at [`ConfError::at`], where that can be said.
    pub fn expected(&self) -> Option<&'static str> {
        match &self.kind {
            ErrorKind::Syntax(error) => Some(error.expected()),
            ErrorKind::MissingValue => Some("a value"),
            ErrorKind::IntegerRange(_) | ErrorKind::NotInteger(_) => Some("a 64-bit integer"),
            ErrorKind::FloatRange(_) | ErrorKind::NotFloat(_) => Some("a 64-bit float"),
            ErrorKind::NotDateTime(_) => Some("an existing date and time"),
            ErrorKind::VariableUnreadable { source, .. } | ErrorKind::Include { source, .. } => {
                source.expected()
            }
            _ => None,
        }
    }

    /// The error in the innermost included file or environment value, which is where to look first.
    ///
    /// ```
    /// use nats_mock_protocol::conf::{self, MemorySource};
    ///
    /// let files = MemorySource::new().file("etc/users.conf", "a: [");
    /// let error = conf::parse("include users.conf", "etc/n.conf", &files).unwrap_err();
    /// assert_eq!(error.innermost().at.file.as_ref(), "etc/users.conf");
    /// ```
    pub fn innermost(&self) -> &Self {
        let mut error = self;
        while let ErrorKind::VariableUnreadable { source, .. } | ErrorKind::Include { source, .. } =
            &error.kind
        {
            error = source;
        }
        error
    }
}

impl fmt::Display for ConfError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = self.at.line;
        match &self.kind {
            ErrorKind::Syntax(error) => write!(f, "Parse error on line {line}: '{error}'"),
            ErrorKind::MissingValue => write!(f, "config is invalid ({})", self.at),
            ErrorKind::IntegerRange(text) => write!(f, "integer '{text}' is out of the range"),
            ErrorKind::NotInteger(text) => write!(f, "expected integer, but got '{text}'"),
            ErrorKind::FloatRange(text) => write!(f, "float '{text}' is out of the range"),
            ErrorKind::NotFloat(text) => write!(f, "expected float, but got '{text}'"),
            ErrorKind::NotDateTime(text) => {
                write!(f, "expected Zulu formatted DateTime, but got '{text}'")
            }
            ErrorKind::VariableNotFound(name) => {
                write!(
                    f,
                    "variable reference for '{name}' on line {line} can not be found"
                )
            }
            ErrorKind::VariableUnreadable { name, source } => {
                write!(
                    f,
                    "variable reference for '{name}' on line {line} could not be parsed: {source}"
                )
            }
            ErrorKind::VariableCycle(name) => write!(f, "variable reference cycle for '{name}'"),
            ErrorKind::Include { path, source } => {
                write!(f, "error parsing include file '{path}', {source}")
            }
            ErrorKind::Read {
                path,
                reason,
                from_environment,
            } => {
                if *from_environment {
                    f.write_str("error opening config file: ")?;
                }
                write!(f, "{} {path}: {reason}", reason.operation())
            }
            ErrorKind::IncludeCycle(path) => write!(f, "file '{path}' includes itself"),
            ErrorKind::TooManyFiles(limit) => {
                write!(
                    f,
                    "{}: more than {limit} files or variables within one another",
                    self.at
                )
            }
            ErrorKind::TooDeep(limit) => {
                write!(f, "{}: nested deeper than {limit} levels", self.at)
            }
            ErrorKind::TooLarge(limit) => {
                write!(f, "{}: the values take more than {limit} bytes", self.at)
            }
        }
    }
}

impl std::error::Error for ConfError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.kind {
            ErrorKind::Syntax(error) => Some(error),
            ErrorKind::VariableUnreadable { source, .. } | ErrorKind::Include { source, .. } => {
                Some(source)
            }
            ErrorKind::Read { reason, .. } => Some(reason),
            _ => None,
        }
    }
}
