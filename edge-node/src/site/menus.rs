//! The menu that the site sells by, which one comes after it, and how one takes over.
//!
//! Order of trust: the snapshot in memory ← the copy in Redis, which survives restarts ← what the
//! hub keeps for the site. The seed file counts only until the hub has a menu. No request waits
//! for any of it: handlers take the snapshot, whole, and a change puts another in its place.

use std::collections::BTreeSet;
use std::sync::Arc;

use arc_swap::ArcSwap;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sunakku_common::down::{Mark, MenuDown, MenuVersion, Origin, Verdict, judge};
use sunakku_common::event::MenuRefused;
use sunakku_common::menu::Menu;
use sunakku_common::money::Currency;
use sunakku_common::picture::PictureName;
use tokio::sync::{Mutex, watch};

use crate::kitchen::Kitchen;
use crate::menu::MenuSnapshot;
use crate::metrics as names;
use crate::store::{ErrorChain, Store, StoreError, StoredMenu, StoredNext};

/// The site's menu. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Menus {
    inner: Arc<Inner>,
}

struct Inner {
    store: Store,
    kitchen: Kitchen,
    current: ArcSwap<MenuSnapshot>,
    /// Held while the menu changes, so that two changes never mix.
    book: Mutex<Book>,
    status: watch::Sender<MenuStatus>,
}

/// What is known of the menu beside its text.
#[derive(Default)]
struct Book {
    running: Option<StoredMenu>,
    /// Whether the store has `running`; it is told again until it has.
    is_stored: bool,
    next: Option<StoredNext>,
}

/// How the site stands with its menu.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub(crate) struct MenuStatus {
    /// Version of the menu; 0 while there is none.
    pub(crate) version: u64,
    /// SHA-256 of its text.
    pub(crate) hash: String,
    /// `seed`, or `hub:` and the menu's code.
    pub(crate) origin: String,
    /// When the hub last said that this is the menu; null when it has not since the start.
    pub(crate) confirmed_at: Option<DateTime<Utc>>,
    /// The menu that takes over at a time, line or no line.
    pub(crate) next: Option<NextStatus>,
    /// What the hub offers and the site does not take.
    pub(crate) refused: Option<RefusedStatus>,
}

/// A menu that is to take over.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub(crate) struct NextStatus {
    pub(crate) version: u64,
    pub(crate) at: DateTime<Utc>,
}

/// A menu that was not taken.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub(crate) struct RefusedStatus {
    pub(crate) version: u64,
    pub(crate) reason: String,
}

impl Menus {
    /// Begins with what the store has, else with the seed, else with none until the hub has one.
    pub(crate) async fn start(
        store: Store,
        kitchen: Kitchen,
        seed: Option<Menu>,
    ) -> Result<Self, StoreError> {
        let menus = Self {
            inner: Arc::new(Inner {
                current: ArcSwap::from_pointee(MenuSnapshot::none()),
                book: Mutex::default(),
                status: watch::Sender::new(MenuStatus::default()),
                store,
                kitchen,
            }),
        };
        let mut book = menus.inner.book.lock().await;
        let stored = menus.inner.store.stored_menu().await?;
        book.next = menus.inner.store.next_menu().await.unwrap_or_else(|error| {
            tracing::error!(error = %ErrorChain(&error), "the next menu cannot be read");
            None
        });
        let chosen = match (stored, seed) {
            // The seed's file is the seed's owner: a changed one counts.
            (Some(stored), Some(seed)) if stored.origin == Origin::Seed => Some(of_seed(&seed)?),
            (Some(stored), _) => Some(stored),
            (None, Some(seed)) => Some(of_seed(&seed)?),
            (None, None) => None,
        };
        if let Some(chosen) = chosen {
            match chosen.menu.open(None) {
                Ok(menu) => menus.put(&mut book, chosen, menu),
                Err(error) => tracing::error!(%error, "the kept menu is not used"),
            }
        }
        menus.keep(&mut book).await?;
        menus.note(&book);
        drop(book);
        menus.switch_if_due(Utc::now()).await?;
        Ok(menus)
    }

    /// The menu as of now.
    pub(crate) fn current(&self) -> Arc<MenuSnapshot> {
        self.inner.current.load_full()
    }

    /// The uploaded pictures that the menu names, and the next one.
    pub(crate) async fn pictures(&self) -> BTreeSet<PictureName> {
        let mut pictures = self.current().menu.pictures();
        let next = self.inner.book.lock().await.next.clone();
        let next = next.and_then(|next| next.next.menu.open(None).ok());
        pictures.extend(next.iter().flat_map(Menu::pictures));
        pictures
    }

    /// How the site stands with its menu.
    pub(crate) fn status(&self) -> MenuStatus {
        self.inner.status.borrow().clone()
    }

    /// When the next menu takes over, and word of changes of that.
    pub(crate) fn follow(&self) -> watch::Receiver<MenuStatus> {
        self.inner.status.subscribe()
    }

    /// Takes what the hub keeps for the site, if it is to be taken. `currency` is the site's where
    /// it is known; `go_back` is an admin's word that an older version is right.
    pub(crate) async fn offer(
        &self,
        down: &MenuDown,
        currency: Option<&Currency>,
        go_back: bool,
    ) -> Result<(), StoreError> {
        let mut book = self.inner.book.lock().await;
        self.expect(&mut book, down).await?;
        if let Some(current) = &down.current {
            let offered = StoredMenu {
                origin: Origin::Hub(down.code.clone()),
                menu: current.clone(),
            };
            self.consider(&mut book, offered, currency, go_back).await?;
        }
        let done = self.keep(&mut book).await;
        self.note(&book);
        done
    }

    /// Lets the next menu take over when its time has come.
    pub(crate) async fn switch_if_due(&self, now: DateTime<Utc>) -> Result<(), StoreError> {
        let mut book = self.inner.book.lock().await;
        let due = book.next.clone().filter(|next| next.next.at <= now);
        let Some(next) = due else {
            return Ok(());
        };
        let offered = StoredMenu {
            origin: Origin::Hub(next.code),
            menu: next.next.menu,
        };
        self.consider(&mut book, offered, None, false).await?;
        self.keep(&mut book).await?;
        // Only now: a crash or failure before this finds it due again, and takes it once.
        self.inner.store.keep_next_menu(None).await?;
        book.next = None;
        self.note(&book);
        Ok(())
    }

    /// Has the store keep what is in memory, after it began a new life or did not answer.
    pub(crate) async fn restore(&self) -> Result<(), StoreError> {
        let mut book = self.inner.book.lock().await;
        book.is_stored = false;
        self.keep(&mut book).await?;
        self.inner.store.keep_next_menu(book.next.as_ref()).await
    }

    /// Takes note of the menu that is to take over later.
    async fn expect(&self, book: &mut Book, down: &MenuDown) -> Result<(), StoreError> {
        let next = down.next.as_ref().map(|next| StoredNext {
            code: down.code.clone(),
            next: next.clone(),
        });
        let mark = |next: &StoredNext| {
            let StoredNext { code, next } = next;
            (
                code.clone(),
                next.at,
                next.menu.version,
                next.menu.hash.clone(),
            )
        };
        if next.as_ref().map(mark) != book.next.as_ref().map(mark) {
            self.inner.store.keep_next_menu(next.as_ref()).await?;
            book.next = next;
        }
        Ok(())
    }

    async fn consider(
        &self,
        book: &mut Book,
        offered: StoredMenu,
        currency: Option<&Currency>,
        go_back: bool,
    ) -> Result<(), StoreError> {
        let running = book.running.as_ref().map(StoredMenu::mark);
        let mark = offered.mark();
        let reason = match judge(running.as_ref(), &mark, go_back) {
            Verdict::Same => {
                self.confirm();
                return Ok(());
            }
            Verdict::Take => match offered.menu.open(currency) {
                Ok(menu) => {
                    tracing::info!(version = mark.version, "a new menu");
                    self.put(book, offered, menu);
                    self.confirm();
                    return Ok(());
                }
                Err(unusable) => unusable.to_string(),
            },
            // The edge's clock was ahead of the hub's when the next menu took over.
            Verdict::Older if is_ahead(book, running.as_ref()) => return Ok(()),
            Verdict::Older => "older than the menu that runs; an admin may have it taken all the \
                               same with the command menu.reload and go_back"
                .to_owned(),
            Verdict::Clash => "another menu runs here under this version: publish a new one, or \
                               have this one taken with the command menu.reload and go_back"
                .to_owned(),
        };
        self.refuse(&mark, reason).await
    }

    /// Puts a menu in force in memory. In this order: a screen that the log tells of a new menu
    /// then finds it there.
    fn put(&self, book: &mut Book, stored: StoredMenu, menu: Menu) {
        metrics::gauge!(names::MENU_VERSION).set(menu.version as f64);
        self.inner.kitchen.follow_menu(&menu);
        self.inner.current.store(Arc::new(MenuSnapshot::new(menu)));
        book.running = Some(stored);
        book.is_stored = false;
        self.inner
            .status
            .send_modify(|status| (status.refused, status.confirmed_at) = (None, None));
    }

    async fn keep(&self, book: &mut Book) -> Result<(), StoreError> {
        if let Some(running) = &book.running
            && !book.is_stored
        {
            self.inner.store.activate_menu(running).await?;
            book.is_stored = true;
        }
        Ok(())
    }

    async fn refuse(&self, mark: &Mark, reason: String) -> Result<(), StoreError> {
        let refused = MenuRefused {
            version: mark.version,
            reason: reason.clone(),
            menu: match &mark.origin {
                Origin::Seed => None,
                Origin::Hub(code) => Some(code.clone()),
            },
        };
        if self.inner.store.refuse_menu(&refused, &mark.hash).await? {
            tracing::error!(version = mark.version, reason, "a menu was refused");
            metrics::counter!(names::MENU_REFUSED).increment(1);
        }
        let version = mark.version;
        self.inner.status.send_modify(|status| {
            status.refused = Some(RefusedStatus { version, reason });
        });
        Ok(())
    }

    fn confirm(&self) {
        let now = Utc::now();
        metrics::gauge!(names::MENU_CONFIRMED).set(now.timestamp() as f64);
        self.inner.status.send_modify(|status| {
            (status.confirmed_at, status.refused) = (Some(now), None);
        });
    }

    fn note(&self, book: &Book) {
        self.inner.status.send_modify(|status| {
            if let Some(running) = &book.running {
                status.version = running.menu.version;
                status.hash.clone_from(&running.menu.hash);
                status.origin = running.origin.to_text();
            }
            status.next = book.next.as_ref().map(|next| NextStatus {
                version: next.next.menu.version,
                at: next.next.at,
            });
        });
    }
}

/// Whether the site sells by the very menu that the hub is about to put in force.
fn is_ahead(book: &Book, running: Option<&Mark>) -> bool {
    let next = book.next.as_ref().map(|next| {
        let origin = Origin::Hub(next.code.clone());
        let menu = &next.next.menu;
        (origin, menu.version, &menu.hash)
    });
    next.is_some_and(|(origin, version, hash)| {
        running.is_some_and(|running| {
            (&running.origin, running.version, &running.hash) == (&origin, version, hash)
        })
    })
}

fn of_seed(seed: &Menu) -> Result<StoredMenu, StoreError> {
    Ok(StoredMenu {
        origin: Origin::Seed,
        menu: MenuVersion::of(seed)?,
    })
}
