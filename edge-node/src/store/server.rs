//! What Redis tells about itself.

use std::collections::HashMap;
use std::path::PathBuf;

use redis::aio::ConnectionLike;

use super::{Store, StoreError, Unsafe, durability};

/// What Redis tells about itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ServerFacts {
    /// `Redis 7.0.15` or `Valkey 9.1.0`.
    pub version: String,
    /// Memory in use, bytes.
    pub memory_used: u64,
    /// Memory that it may use, bytes; 0 for no limit.
    pub memory_max: u64,
    /// Connections.
    pub clients: u64,
    /// Commands since it started.
    pub commands: u64,
    /// Size of the append-only file, bytes.
    pub aof_bytes: u64,
    /// Whether its last write to the append-only file succeeded.
    pub aof_write_ok: bool,
    /// The folder with its data, as it is called on its machine.
    pub folder: PathBuf,
}

/// What somebody finds who only looks.
#[derive(Debug)]
pub struct Look {
    /// What Redis tells about itself.
    pub facts: ServerFacts,
    /// Settings with which it may lose orders.
    pub unsafe_settings: Option<Unsafe>,
    /// Who we are to it; none when it does not say.
    pub user: Option<String>,
}

/// A client that says nothing about itself: the edge's user has no right to, and each refusal would stand in
/// the log of refused commands, where a stranger's are looked for.
pub(super) fn client(url: &str) -> redis::RedisResult<redis::Client> {
    let info: redis::ConnectionInfo = url.parse()?;
    let settings = info.redis_settings().clone().set_skip_set_lib_name();
    redis::Client::open(info.set_redis_settings(settings))
}

/// Looks at a Redis over a connection of its own, changing nothing.
///
/// # Errors
/// When it does not answer, or is no Redis.
pub async fn look(url: &str) -> anyhow::Result<Look> {
    let client = client(url)?;
    let mut connection = client.get_multiplexed_async_connection().await?;
    let facts = ask(&mut connection).await?;
    let settings = durability::question().query_async(&mut connection).await?;
    let mut who = redis::cmd("ACL");
    let user = who.arg("WHOAMI").query_async(&mut connection).await.ok();
    Ok(Look {
        facts,
        user,
        unsafe_settings: durability::judge(&settings),
    })
}

impl Store {
    /// What Redis tells about itself.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn server_facts(&self) -> Result<ServerFacts, StoreError> {
        Ok(ask(&mut self.connection()).await?)
    }
}

async fn ask(connection: &mut impl ConnectionLike) -> redis::RedisResult<ServerFacts> {
    let mut pipe = redis::pipe();
    pipe.cmd("INFO").arg("everything");
    pipe.cmd("CONFIG").arg("GET").arg("dir");
    let (info, dir): (String, HashMap<String, String>) = pipe.query_async(connection).await?;
    let mut facts = read(&info);
    facts.folder = dir.get("dir").map(PathBuf::from).unwrap_or_default();
    Ok(facts)
}

fn read(info: &str) -> ServerFacts {
    let fields: HashMap<&str, &str> = info
        .lines()
        .filter_map(|line| line.trim_end().split_once(':'))
        .collect();
    let text = |name: &str| fields.get(name).copied().unwrap_or_default();
    let number = |name: &str| text(name).parse().unwrap_or(0);
    let version = match text("valkey_version") {
        "" => format!("Redis {}", text("redis_version")),
        version => format!("Valkey {version}"),
    };
    ServerFacts {
        version,
        memory_used: number("used_memory"),
        memory_max: number("maxmemory"),
        clients: number("connected_clients"),
        commands: number("total_commands_processed"),
        aof_bytes: number("aof_current_size"),
        aof_write_ok: text("aof_last_write_status") == "ok",
        folder: PathBuf::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_redis_tells_is_read_and_what_it_leaves_out_is_nothing() {
        let info = "# Server\r\nredis_version:7.0.15\r\nused_memory:12\r\nmaxmemory:34\r\n\
                    aof_last_write_status:err\r\nconnected_clients:x\r\n";
        let facts = read(info);
        assert_eq!(facts.version, "Redis 7.0.15");
        assert_eq!((facts.memory_used, facts.memory_max), (12, 34));
        assert_eq!((facts.clients, facts.aof_bytes), (0, 0));
        assert!(!facts.aof_write_ok);
        assert_eq!(read("valkey_version:9.1.2").version, "Valkey 9.1.2");
    }
}
