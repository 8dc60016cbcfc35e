//! The files of resolvers, which follow what the core keeps.

use std::fs;

use crate::core::FileChange;

/// Has a file be what the core says. It is small and written at once, so that whoever got the answer finds it.
///
/// What cannot be written is kept in memory all the same: the core has answered by then, and a test that looks at
/// the file sees that it is not there.
pub(super) fn carry_out(change: FileChange) {
    let _ = match change {
        FileChange::Write(path, text) => path
            .parent()
            .map_or(Ok(()), fs::create_dir_all)
            .and_then(|()| fs::write(path, &*text)),
        FileChange::Remove(path) => fs::remove_file(path),
        FileChange::Rename(from, to) => fs::rename(from, to),
    };
}
