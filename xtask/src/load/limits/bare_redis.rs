//! What Redis itself can do: the very commands by which an edge takes orders, over connections that
//! do nothing else.
//!
//! The commands are listened to (`MONITOR`) while an edge takes orders; then they are sent again,
//! each with an order and a key of its own in place of those that were heard. So the bare script is
//! ours, whatever that is at the time.

use std::sync::Arc;

use anyhow::{Context as _, Result, bail, ensure};
use futures::StreamExt as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use uuid::Uuid;

use super::super::drive::{Done, Work};
use super::super::record::Outcome;
use crate::harness::{RedisServer, Server as _};

/// Length of the text of an order or key.
const ID: usize = 36;

/// A command that was heard, and where it names its order and its key.
#[derive(Debug, Clone)]
pub(super) struct Heard {
    bytes: Vec<u8>,
    order: Vec<usize>,
    key: Vec<usize>,
}

impl Heard {
    /// A command of these words, which is about this order under this key.
    fn new(words: &[Vec<u8>], order: &str, key: &str) -> Result<Self> {
        ensure!(order.len() == ID && key.len() == ID, "ids are UUIDs");
        let mut bytes = format!("*{}\r\n", words.len()).into_bytes();
        for word in words {
            bytes.extend(format!("${}\r\n", word.len()).into_bytes());
            bytes.extend(word);
            bytes.extend(b"\r\n");
        }
        let places = |text: &str| {
            let found = bytes.windows(ID).enumerate();
            let found = found.filter(|(_, window)| *window == text.as_bytes());
            found.map(|(place, _)| place).collect::<Vec<_>>()
        };
        let (order, key) = (places(order), places(key));
        ensure!(
            !order.is_empty() && !key.is_empty(),
            "a command without order or key"
        );
        Ok(Self { bytes, order, key })
    }

    /// The same about another order under another key.
    fn renew(&mut self) {
        let (order, key) = (Uuid::now_v7().to_string(), Uuid::now_v7().to_string());
        for (places, text) in [(&self.order, order), (&self.key, key)] {
            for place in places {
                self.bytes[*place..*place + ID].copy_from_slice(text.as_bytes());
            }
        }
    }
}

/// Listens while `place` places one order after the other; it answers with each one's id and key.
pub(super) async fn listen(
    redis: &RedisServer,
    place: impl AsyncFnOnce() -> Result<Vec<(String, String)>>,
) -> Result<Vec<Heard>> {
    let client = redis::Client::open(redis.url())?;
    let monitor = client.get_async_monitor().await?;
    let mut lines = monitor.into_on_message::<String>();
    let listen = async {
        let mut heard = Vec::new();
        while let Some(line) = lines.next().await {
            // What a script does inside is told as well.
            if line.contains("lua] ") {
                continue;
            }
            let words = words(&line)?;
            match words.first().map(Vec::as_slice) {
                Some(b"EVALSHA") => heard.push(words),
                // How the listener hears that nothing comes any more.
                Some(b"ECHO") => break,
                _ => {}
            }
        }
        anyhow::Ok(heard)
    };
    let talk = async {
        let placed = place().await;
        let mut connection = client.get_multiplexed_async_connection().await?;
        redis::cmd("ECHO")
            .arg("over")
            .exec_async(&mut connection)
            .await?;
        placed
    };
    let (heard, placed) = tokio::try_join!(listen, talk)?;
    let contains = |words: &[Vec<u8>], text: &str| {
        let mut all = words.iter();
        all.any(|word| {
            word.windows(text.len())
                .any(|window| window == text.as_bytes())
        })
    };
    let commands = placed.iter().map(|(order, key)| {
        let mut about = heard.iter();
        let about = about.find(|words| contains(words, order) && contains(words, key));
        Heard::new(
            about.context("no command for an order was heard")?,
            order,
            key,
        )
    });
    commands.collect()
}

/// The words of a line of `MONITOR`: `<time> [<db> <who>] "EVALSHA" "…" …`.
fn words(line: &str) -> Result<Vec<Vec<u8>>> {
    let (_, quoted) = line.split_once("] ").context("a line of MONITOR")?;
    let (mut words, mut word, mut inside) = (Vec::new(), Vec::new(), false);
    let mut bytes = quoted.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' if inside => {
                words.push(std::mem::take(&mut word));
                inside = false;
            }
            b'"' => inside = true,
            b'\\' if inside => word.push(match bytes.next() {
                Some(b'n') => b'\n',
                Some(b'r') => b'\r',
                Some(b't') => b'\t',
                Some(b'a') => 7,
                Some(b'b') => 8,
                Some(b'x') => {
                    let mut digit = || {
                        bytes
                            .next()
                            .and_then(|digit| char::from(digit).to_digit(16))
                    };
                    let (high, low) = (digit().context("\\x")?, digit().context("\\x")?);
                    u8::try_from(high * 16 + low)?
                }
                Some(other) => other,
                None => bail!("a line of MONITOR breaks off"),
            }),
            byte if inside => word.push(byte),
            _ => {}
        }
    }
    Ok(words)
}

/// One connection that sends what was heard, one command after the other.
pub(super) struct Bare {
    address: (&'static str, u16),
    password: String,
    stream: Option<TcpStream>,
    heard: Arc<[Heard]>,
    command: Heard,
    next: usize,
    buffer: Vec<u8>,
}

impl Bare {
    /// A connection to this Redis, which knows the scripts.
    pub(super) fn new(redis: &RedisServer, heard: &Arc<[Heard]>, begin: usize) -> Result<Self> {
        let url = redis.url();
        let password = url
            .strip_prefix("redis://:")
            .and_then(|rest| rest.split_once('@'));
        let (password, _) = password.context("a URL of Redis")?;
        let command = heard.first().context("nothing was heard")?.clone();
        ensure!(redis.is_running(), "Redis does not run");
        Ok(Self {
            address: ("127.0.0.1", redis.port()),
            password: password.to_owned(),
            stream: None,
            heard: Arc::clone(heard),
            command,
            next: begin,
            buffer: Vec::with_capacity(4_096),
        })
    }

    async fn exchange(&mut self) -> Result<()> {
        let stream = self.stream.as_mut().context("no connection")?;
        stream.write_all(&self.command.bytes).await?;
        read_answer(stream, &mut self.buffer).await?;
        if !self.buffer.windows(6).any(|window| window == b"\r\nok\r\n") {
            bail!("{}", String::from_utf8_lossy(&self.buffer).trim());
        }
        Ok(())
    }
}

impl Work for Bare {
    async fn begin(&mut self) -> Result<()> {
        let mut stream = TcpStream::connect(self.address).await?;
        stream.set_nodelay(true)?;
        let password = &self.password;
        let auth = format!("*2\r\n$4\r\nAUTH\r\n${}\r\n{password}\r\n", password.len());
        stream.write_all(auth.as_bytes()).await?;
        read_answer(&mut stream, &mut self.buffer).await?;
        ensure!(self.buffer == b"+OK\r\n", "Redis lets nobody in");
        self.stream = Some(stream);
        Ok(())
    }

    async fn once(&mut self) -> Done {
        self.command
            .clone_from(&self.heard[self.next % self.heard.len()]);
        self.command.renew();
        self.next += 1;
        Done::Tried(match self.exchange().await {
            Ok(()) => Outcome::Ok,
            Err(error) => Outcome::Failed(format!("{error:#}")),
        })
    }
}

/// Reads one whole answer: a line, or a list of texts.
async fn read_answer(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Result<()> {
    buffer.clear();
    while !is_whole(buffer) {
        ensure!(
            stream.read_buf(buffer).await? != 0,
            "Redis has closed the connection"
        );
    }
    Ok(())
}

fn is_whole(bytes: &[u8]) -> bool {
    let line = |bytes: &[u8]| bytes.windows(2).position(|two| two == b"\r\n");
    let number = |bytes: &[u8]| std::str::from_utf8(bytes).ok()?.parse::<usize>().ok();
    let Some(end) = line(bytes) else { return false };
    if bytes[0] != b'*' {
        return true;
    }
    let mut at = end + 2;
    for _text in 0..number(&bytes[1..end]).unwrap_or(0) {
        let Some(end) = line(&bytes[at..]) else {
            return false;
        };
        at += end + 2 + number(&bytes[at + 1..at + end]).unwrap_or(0) + 2;
        if bytes.len() < at {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_redis_tells_of_a_command_is_read_back() {
        let line =
            r#"1339518083.107412 [0 127.0.0.1:60866] "EVALSHA" "a\"b\\" "\xe2\x82\xac\n" """#;
        let read = words(line).expect("words");
        assert_eq!(
            read,
            [
                b"EVALSHA".to_vec(),
                b"a\"b\\".to_vec(),
                "€\n".into(),
                Vec::new()
            ]
        );
    }

    #[test]
    fn a_command_is_sent_again_about_another_order() {
        let (order, key) = (Uuid::now_v7().to_string(), Uuid::now_v7().to_string());
        let words = [
            "EVALSHA".into(),
            format!("idem:{key}").into_bytes(),
            order.clone().into(),
            format!("{{\"id\":\"{order}\"}}").into_bytes(),
        ];
        let mut heard = Heard::new(&words, &order, &key).expect("a command");
        assert_eq!((heard.order.len(), heard.key.len()), (2, 1));
        let before = heard.bytes.clone();
        heard.renew();
        assert_eq!(heard.bytes.len(), before.len());
        assert!(!String::from_utf8_lossy(&heard.bytes).contains(&order));
        assert!(Heard::new(&words, &Uuid::nil().to_string(), &key).is_err());
    }

    #[test]
    fn an_answer_is_whole_when_all_its_texts_are() {
        let answer = b"*3\r\n$2\r\nok\r\n$0\r\n\r\n$3\r\nabc\r\n";
        for end in 0..answer.len() {
            assert!(!is_whole(&answer[..end]), "{end}");
        }
        assert!(is_whole(answer) && is_whole(b"-ERR x\r\n") && !is_whole(b"-ERR"));
    }
}
