//! A log written anew by the holder of its key.

use reissue::domain::event::Line;
use reissue::domain::merkle::{leaf, root};
use reissue::env::Env;
use reissue::trail::{Checkpoint, Home, LogKey};

/// The log's lines, and the sizes that its checkpoints sign.
pub fn lines_of(env: &Env, home: &Home) -> (Vec<Line>, Vec<u64>) {
    let text = env.disk.read(&home.log().events(), 1 << 20).unwrap();
    let lines = text.split(|b| *b == b'\n').filter(|l| !l.is_empty());
    let names = env.disk.list(&home.log().checkpoints()).unwrap();
    let sizes = names.iter().filter_map(|n| Checkpoint::size_of_name(n)).collect();
    (lines.map(|l| Line::from_bytes(l).unwrap()).collect(), sizes)
}

/// Writes these lines in place of the log's, chained and signed as by the holder of its key.
pub fn forge(env: &Env, home: &Home, lines: &[Line], sizes: &[u64]) {
    let (mut prev, mut bytes, mut leaves) = ([0; 32], Vec::new(), Vec::new());
    for (seq, line) in (0..).zip(lines) {
        let one = Line { seq, prev, ..line.clone() }.to_bytes().unwrap();
        prev = leaf(&one);
        leaves.push(prev);
        bytes.extend(one);
        bytes.push(b'\n');
    }
    let log = home.log();
    env.disk.write_atomic(&log.events(), &bytes).unwrap();
    let key = LogKey::load(env.disk.as_ref(), &home.root().join("log.key")).unwrap();
    let mut newest = String::new();
    for name in env.disk.list(&log.checkpoints()).unwrap() {
        env.disk.remove(&log.checkpoints().join(name)).unwrap();
    }
    for size in sizes {
        // The last one signs the last line, wherever that is now.
        let at = usize::try_from(*size).unwrap().min(leaves.len());
        let head = Checkpoint { origin: key.origin().into(), size: at as u64, root: root(&leaves[..at]) };
        newest = head.sign(&key);
        let path = log.checkpoints().join(Checkpoint::file_name(at as u64));
        env.disk.write_atomic(&path, newest.as_bytes()).unwrap();
    }
    env.disk.write_atomic(&log.checkpoint(), newest.as_bytes()).unwrap();
}
