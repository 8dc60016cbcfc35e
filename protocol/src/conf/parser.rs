//! Items to values: nesting, variables and includes.

use std::sync::Arc;

use super::{
    Limits, Source,
    error::{ConfError, ErrorKind},
    lexer::{Item, Lexer, Token},
    number, path, text,
    value::{Kind, Map, Position, Value},
};

/// What a value costs of [`Limits::bytes`] besides its text, about its size in memory.
const VALUE_COST: usize = 64;

/// The key under which the value of an environment variable is parsed.
const ENV_KEY: &str = "pk";

/// How a raw bcrypt hash looks to the lexer, which has taken its `$` for that of a variable.
const BCRYPT_PREFIX: &str = "2a$";

/// What all files and environment values of one configuration share.
pub(super) struct Shared<'s> {
    source: &'s dyn Source,
    limits: Limits,
    spent: usize,
    /// Files being parsed, outermost first.
    files: Vec<String>,
    /// Environment variables being parsed, outermost first.
    variables: Vec<String>,
}

impl<'s> Shared<'s> {
    pub(super) fn new(source: &'s dyn Source, limits: Limits) -> Self {
        Self {
            source,
            limits,
            spent: 0,
            files: Vec::new(),
            variables: Vec::new(),
        }
    }

    fn charge(&mut self, bytes: usize) -> Result<(), ErrorKind> {
        self.spent = self.spent.saturating_add(bytes);
        if self.spent > self.limits.bytes {
            return Err(ErrorKind::TooLarge(self.limits.bytes));
        }
        Ok(())
    }

    /// Reads and parses the file at `path`. `from_environment` is set for includes inside of the
    /// value of an environment variable.
    pub(super) fn parse_file(
        &mut self,
        path: &str,
        from_environment: bool,
    ) -> Result<Map, ConfError> {
        let file = Arc::from(path);
        let content = self.source.read(path).map_err(|reason| {
            let path = path.to_owned();
            ConfError::new(
                ErrorKind::Read {
                    path,
                    reason,
                    from_environment,
                },
                &file,
                0,
                0,
            )
        })?;
        self.parse(&content, file)
    }

    /// Parses `content`, the content of `file`.
    pub(super) fn parse(&mut self, content: &[u8], file: Arc<str>) -> Result<Map, ConfError> {
        let name = path::clean(&file);
        if self.files.contains(&name) {
            return Err(ConfError::new(ErrorKind::IncludeCycle(name), &file, 0, 0));
        }
        self.files.push(name);
        let map = self.nested(content, file, false);
        self.files.pop();
        map
    }

    fn nested(
        &mut self,
        content: &[u8],
        file: Arc<str>,
        environment: bool,
    ) -> Result<Map, ConfError> {
        if self.files.len() + self.variables.len() > self.limits.files {
            return Err(ConfError::new(
                ErrorKind::TooManyFiles(self.limits.files),
                &file,
                0,
                0,
            ));
        }
        Parser {
            lexer: Lexer::new(content),
            shared: self,
            directory: path::directory(&file),
            file,
            environment,
            contexts: vec![Context::Map(Map::default())],
            keys: Vec::new(),
        }
        .run()
    }
}

/// A container whose end has not been reached.
enum Context {
    Map(Map),
    Array(Vec<Value>),
}

/// A key that waits for its value.
struct Key {
    text: String,
    line: usize,
    column: usize,
}

/// The parser of one file or environment value.
struct Parser<'p, 's> {
    lexer: Lexer<'p>,
    shared: &'p mut Shared<'s>,
    file: Arc<str>,
    directory: String,
    environment: bool,
    /// Never empty: the first is the top level.
    contexts: Vec<Context>,
    /// A stack of its own, not part of the contexts: a key whose value got lost stays on it and becomes
    /// the key of the value after, as it does in the server.
    keys: Vec<Key>,
}

impl Parser<'_, '_> {
    fn run(mut self) -> Result<Map, ConfError> {
        let mut after_key = false;
        loop {
            let item = self.lexer.next_item();
            if item.token == Token::Eof {
                if after_key {
                    return Err(self.error_at(&item, ErrorKind::MissingValue));
                }
                break;
            }
            // A lone closing brace is lexed as a key; files wrapped in braces end with one.
            after_key = item.token == Token::Key && item.text != b"}";
            self.process(item)?;
        }
        match self.contexts.into_iter().next() {
            Some(Context::Map(map)) => Ok(map),
            _ => Ok(Map::default()),
        }
    }

    fn error_at(&self, item: &Item, kind: ErrorKind) -> ConfError {
        ConfError::new(kind, &self.file, item.line, item.column)
    }

    fn process(&mut self, item: Item) -> Result<(), ConfError> {
        let kind = match item.token {
            Token::Error(ref error) => {
                let kind = ErrorKind::Syntax(error.clone());
                return Err(self.error_at(&item, kind));
            }
            Token::Eof | Token::Comment => return Ok(()),
            Token::Key => {
                let text = text::lossy(&item.text);
                self.keys.push(Key {
                    text,
                    line: item.line,
                    column: item.column,
                });
                return Ok(());
            }
            Token::MapStart => return self.open(&item, Context::Map(Map::default())),
            Token::ArrayStart => return self.open(&item, Context::Array(Vec::new())),
            Token::MapEnd | Token::ArrayEnd => match self.contexts.pop() {
                Some(Context::Map(map)) => Ok(Some(Kind::Map(map))),
                Some(Context::Array(array)) => Ok(Some(Kind::Array(array))),
                None => Ok(None),
            },
            Token::String => Ok(Some(Kind::String(text::lossy(&item.text)))),
            Token::Bool => {
                let first = item.text.iter().take(2).map(u8::to_ascii_lowercase);
                let is_true = [b"tr", b"ye", b"on"]
                    .iter()
                    .any(|start| first.clone().eq(start.iter().copied()));
                Ok(Some(Kind::Bool(is_true)))
            }
            Token::Integer => {
                number::integer(&text::lossy(&item.text)).map(|n| n.map(Kind::Integer))
            }
            Token::Float => number::float(&text::lossy(&item.text)).map(|n| Some(Kind::Float(n))),
            Token::DateTime => {
                number::date_time(&text::lossy(&item.text)).map(|t| Some(Kind::DateTime(t)))
            }
            Token::Variable => return self.variable(&item),
            Token::Include => return self.include(&item),
        };
        match kind {
            Ok(Some(kind)) => self.set(&item, kind),
            Ok(None) => Ok(()),
            Err(kind) => Err(self.error_at(&item, kind)),
        }
    }

    fn open(&mut self, item: &Item, context: Context) -> Result<(), ConfError> {
        if self.contexts.len() > self.shared.limits.depth {
            return Err(self.error_at(item, ErrorKind::TooDeep(self.shared.limits.depth)));
        }
        self.contexts.push(context);
        Ok(())
    }

    /// Adds a value to the container that is open.
    fn set(&mut self, item: &Item, kind: Kind) -> Result<(), ConfError> {
        let text = match &kind {
            Kind::String(text) => text.len(),
            _ => 0,
        };
        let place = |line, column| Position {
            file: Arc::clone(&self.file),
            line,
            column,
        };
        let charged = match self.contexts.last_mut() {
            Some(Context::Map(map)) => match self.keys.pop() {
                Some(key) => {
                    let charged = self.shared.charge(VALUE_COST + text + key.text.len());
                    map.insert(
                        key.text,
                        Value {
                            kind,
                            at: place(key.line, key.column),
                            used: false,
                        },
                    );
                    charged
                }
                None => Ok(()),
            },
            Some(Context::Array(array)) => {
                array.push(Value {
                    kind,
                    at: place(item.line, item.column),
                    used: false,
                });
                self.shared.charge(VALUE_COST + text)
            }
            None => Ok(()),
        };
        charged.map_err(|kind| self.error_at(item, kind))
    }

    fn variable(&mut self, item: &Item) -> Result<(), ConfError> {
        let name = text::lossy(&item.text);
        let kind = match self.look_up(item, &name) {
            Ok(Some(kind)) => kind,
            Ok(None) => return Err(self.error_at(item, ErrorKind::VariableNotFound(name))),
            Err(error) => {
                let source = Box::new(error);
                return Err(self.error_at(item, ErrorKind::VariableUnreadable { name, source }));
            }
        };
        let (depth, bytes) = weigh(&kind);
        self.check_depth(item, depth)?;
        self.shared
            .charge(bytes)
            .map_err(|kind| self.error_at(item, kind))?;
        self.set(item, kind)
    }

    /// The value of a variable: of the innermost open map that has such a key, else of the environment.
    fn look_up(&mut self, item: &Item, name: &str) -> Result<Option<Kind>, ConfError> {
        if name.starts_with(BCRYPT_PREFIX) {
            return Ok(Some(Kind::String(format!("${name}"))));
        }
        for context in self.contexts.iter_mut().rev() {
            if let Context::Map(map) = context
                && let Some(value) = map.get_mut(name)
            {
                value.used = true;
                return Ok(Some(value.kind.clone()));
            }
        }
        if self.shared.variables.iter().any(|open| open == name) {
            return Err(self.error_at(item, ErrorKind::VariableCycle(name.to_owned())));
        }
        let Some(value) = self.shared.source.env(name) else {
            return Ok(None);
        };
        self.shared.variables.push(name.to_owned());
        let content = format!("{ENV_KEY}={value}");
        let map = self.shared.nested(content.as_bytes(), Arc::from(""), true);
        self.shared.variables.pop();
        let Some(mut value) = map?.get_mut(ENV_KEY).map(|value| value.kind.clone()) else {
            return Ok(None);
        };
        relocate(&mut value, &self.file, item);
        Ok(Some(value))
    }

    fn include(&mut self, item: &Item) -> Result<(), ConfError> {
        let written = text::lossy(&item.text);
        let joined = path::join(&self.directory, &written);
        let map = self
            .shared
            .parse_file(&joined, self.environment)
            .map_err(|error| {
                let kind = ErrorKind::Include {
                    path: written,
                    source: Box::new(error),
                };
                self.error_at(item, kind)
            })?;
        for (key, value) in map.into_entries() {
            self.check_depth(item, weigh(&value.kind).0)?;
            if let Some(Context::Map(open)) = self.contexts.last_mut() {
                open.insert(key, value);
            }
        }
        Ok(())
    }

    /// Refuses to put something `depth` levels deep into the container that is open.
    fn check_depth(&self, item: &Item, depth: usize) -> Result<(), ConfError> {
        if self.contexts.len() - 1 + depth > self.shared.limits.depth {
            return Err(self.error_at(item, ErrorKind::TooDeep(self.shared.limits.depth)));
        }
        Ok(())
    }
}

/// How many levels deep a value is and what it costs. The recursion is bounded by [`Limits::depth`].
fn weigh(kind: &Kind) -> (usize, usize) {
    let add = |(depth, bytes): (usize, usize), key: usize, value: &Value| {
        let (inner_depth, inner_bytes) = weigh(&value.kind);
        (
            depth.max(inner_depth + 1),
            bytes.saturating_add(key).saturating_add(inner_bytes),
        )
    };
    match kind {
        Kind::Map(map) => map.iter().fold((1, VALUE_COST), |sum, (key, value)| {
            add(sum, key.len(), value)
        }),
        Kind::Array(array) => array
            .iter()
            .fold((1, VALUE_COST), |sum, value| add(sum, 0, value)),
        Kind::String(text) => (0, VALUE_COST + text.len()),
        _ => (0, VALUE_COST),
    }
}

/// Gives everything inside an environment value the place of the reference: the value itself has none.
fn relocate(kind: &mut Kind, file: &Arc<str>, item: &Item) {
    let mut place = |value: &mut Value| {
        value.at = Position {
            file: Arc::clone(file),
            line: item.line,
            column: item.column,
        };
        relocate(&mut value.kind, file, item);
    };
    match kind {
        Kind::Map(map) => map.values_mut().for_each(&mut place),
        Kind::Array(array) => array.iter_mut().for_each(&mut place),
        _ => {}
    }
}
