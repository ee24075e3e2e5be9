//! A printer on a real socket. It speaks as much ESC/POS as it is asked, and fails in every way.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_util::task::AbortOnDropHandle;
use xtask::harness::{LIMIT, wait_for};

const CUT: &[u8] = b"\x1dVB\x00";
/// Bytes of a ticket after which one is torn that is not to be whole.
const TORN: usize = 40;

/// How a printer behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mood {
    /// Prints, and answers whatever it is asked.
    Ready,
    /// Prints, answers nothing, and closes after its caller.
    Quiet,
    /// Prints, answers nothing, and never closes.
    Mute,
    /// Prints, but never says that it is done.
    Dawdles,
    /// Prints, and only says that it is done once it is in another mood.
    Slow,
    /// Takes connections, and neither reads nor answers.
    Hangs,
    /// Closes in the middle of a ticket.
    Tears,
    /// Says that it is out of paper.
    Empty,
    /// Is out of paper right after a ticket, before it has said that it is done.
    RunsOut,
}

#[derive(Default)]
struct Tray {
    mood: Option<Mood>,
    /// Tickets that were cut, in their order.
    sheets: Vec<Vec<u8>>,
}

/// A printer.
pub(crate) struct Printer {
    pub(crate) address: SocketAddr,
    tray: Arc<Mutex<Tray>>,
    serving: Mutex<Option<AbortOnDropHandle<()>>>,
}

impl Printer {
    /// A printer in this mood.
    pub(crate) async fn start(mood: Mood) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let tray = Arc::new(Mutex::new(Tray::default()));
        let printer = Self {
            address,
            tray,
            serving: Mutex::default(),
        };
        printer.serve(listener, mood);
        printer
    }

    fn serve(&self, listener: TcpListener, mood: Mood) {
        self.be(mood);
        let serving = tokio::spawn(accept(listener, Arc::clone(&self.tray)));
        *self.serving.lock().unwrap() = Some(AbortOnDropHandle::new(serving));
    }

    /// Changes its mood, for connections that there are as well.
    pub(crate) fn be(&self, mood: Mood) {
        self.tray.lock().unwrap().mood = Some(mood);
    }

    /// Switches it off: it refuses connections.
    pub(crate) async fn switch_off(&self) {
        *self.serving.lock().unwrap() = None;
        wait_for(
            "the printer to be off",
            LIMIT,
            async || match TcpStream::connect(self.address).await {
                Ok(_) => Err("it still takes connections".to_owned()),
                Err(_) => Ok(()),
            },
        )
        .await
        .unwrap();
    }

    /// Switches it on again.
    pub(crate) async fn switch_on(&self, mood: Mood) {
        self.serve(TcpListener::bind(self.address).await.unwrap(), mood);
    }

    /// The tickets that it has printed, as texts.
    pub(crate) fn sheets(&self) -> Vec<String> {
        let tray = self.tray.lock().unwrap();
        let read = |sheet: &Vec<u8>| encoding_rs::SHIFT_JIS.decode(sheet).0.into_owned();
        tray.sheets.iter().map(read).collect()
    }

    /// Waits until it has printed so many tickets, and answers them.
    pub(crate) async fn wait_for_sheets(&self, count: usize) -> Vec<String> {
        wait_for("tickets on paper", LIMIT, async || match self.sheets() {
            sheets if sheets.len() >= count => Ok(sheets),
            sheets => Err(format!("{} of {count}: {sheets:?}", sheets.len())),
        })
        .await
        .unwrap()
    }
}

async fn accept(listener: TcpListener, tray: Arc<Mutex<Tray>>) {
    let mut connections = JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        connections.spawn(serve(stream, Arc::clone(&tray)));
    }
}

async fn serve(mut stream: TcpStream, tray: Arc<Mutex<Tray>>) {
    let mood = || tray.lock().unwrap().mood.unwrap();
    let (mut unread, mut sheet) = (Vec::new(), Vec::new());
    let mut buffer = [0; 512];
    if mood() == Mood::Hangs {
        return std::future::pending().await;
    }
    while let Ok(length @ 1..) = stream.read(&mut buffer).await {
        unread.extend(&buffer[..length]);
        while let Some(said) = next(&mut unread) {
            let answer = match said {
                Said::Ask(n) => real_time(mood(), n),
                Said::AskInTurn => {
                    while mood() == Mood::Slow {
                        tokio::time::sleep(Duration::from_millis(10)).await;
                    }
                    if mood() == Mood::RunsOut {
                        tray.lock().unwrap().mood = Some(Mood::Empty);
                    }
                    (mood() == Mood::Ready).then_some(0)
                }
                Said::Byte(byte) => {
                    sheet.push(byte);
                    if sheet.ends_with(CUT) {
                        let whole = std::mem::take(&mut sheet);
                        tray.lock().unwrap().sheets.push(whole);
                    }
                    None
                }
            };
            if mood() == Mood::Tears && sheet.len() == TORN {
                return;
            }
            if let Some(answer) = answer
                && stream.write_all(&[answer]).await.is_err()
            {
                return;
            }
        }
    }
    if mood() == Mood::Mute {
        std::future::pending().await
    }
}

/// The answer to a question in real time.
fn real_time(mood: Mood, question: u8) -> Option<u8> {
    match mood {
        Mood::Quiet | Mood::Mute | Mood::Hangs => None,
        Mood::Empty => Some(match question {
            1 => 0x1a,
            2 => 0x32,
            _ => 0x72,
        }),
        Mood::Ready | Mood::Slow | Mood::Dawdles | Mood::Tears | Mood::RunsOut => Some(0x12),
    }
}

enum Said {
    Ask(u8),
    AskInTurn,
    Byte(u8),
}

/// The next thing that was said, once it is whole.
fn next(unread: &mut Vec<u8>) -> Option<Said> {
    let (said, length) = match unread.as_slice() {
        [0x10, 4, n, ..] => (Said::Ask(*n), 3),
        [0x1d, b'r', 1, ..] => (Said::AskInTurn, 3),
        [0x10] | [0x10, 4] | [0x1d] | [0x1d, b'r'] | [] => return None,
        [byte, ..] => (Said::Byte(*byte), 1),
    };
    unread.drain(..length);
    Some(said)
}
