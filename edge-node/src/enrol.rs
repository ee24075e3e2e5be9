//! `sunakku-edge enrol`: makes this box a site, by a token of the hub.
//!
//! The box makes its key itself and sends the public half alone. Until it has the answer and has
//! written everything, it keeps the key beside (`enrolling.nk`): asked again with the same token and
//! key, the hub answers the same, so a lost answer or a crash at any point costs another try.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use clap::Args;
use sunakku_common::enrol::{Enrol, Enrolled};
use sunakku_common::nats::{
    KeyPair, creds, leaf_conf, proof_text, read_claims, read_private, write_private,
};
use sunakku_common::problem::Problem;

/// What enrolment is told.
#[derive(Debug, Args)]
pub struct EnrolArgs {
    /// Where the hub's API is, such as `https://hub.example`.
    #[arg(long)]
    hub: String,
    /// The token that an admin made for the site (`POST /v1/sites/{id}/enrolment`).
    #[arg(
        long,
        env = "SUNAKKU_ENROL_TOKEN",
        hide_env_values = true,
        allow_hyphen_values = true
    )]
    token: String,
    /// Where everything is written: `edge.toml`, `site.creds`, and `enrolled.conf` for nats-server.
    #[arg(long, default_value = ".")]
    dir: PathBuf,
}

/// How long the hub's answer is waited for.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);
/// Key of a box that has no answer yet.
const KEY: &str = "enrolling.nk";
/// What lets the box in; read by nats-server and by the edge.
const CREDS: &str = "site.creds";
/// What the box before left, until the store has it.
const HANDOVER: &str = "handover.json";

/// Makes this box a site. Answers what to tell the person who asked for it.
///
/// # Errors
/// When the hub says no or does not answer, or a file cannot be written; it can be tried again.
pub async fn enrol(args: &EnrolArgs) -> Result<String> {
    let dir = &args.dir;
    std::fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
    let dir = dir.canonicalize().context("--dir")?;
    let key = own_key(&dir.join(KEY))?;
    let enrolled = ask(args, &key).await?;
    check(&enrolled, &key)?;
    write(&dir, &enrolled, &key)?;
    Ok(format!(
        "this box is site {} ({}). Start nats-server with site.conf beside {}, and the edge with \
         --config {}.",
        enrolled.site,
        enrolled.name,
        dir.join("enrolled.conf").display(),
        dir.join("edge.toml").display(),
    ))
}

fn own_key(file: &Path) -> Result<KeyPair> {
    if let Some(seed) = read_private(file)? {
        let key = KeyPair::from_seed(seed.trim());
        return key.with_context(|| format!("{} holds no key: remove it", file.display()));
    }
    let key = KeyPair::new_user();
    write_private(file, &key.seed()?)?;
    Ok(key)
}

async fn ask(args: &EnrolArgs, key: &KeyPair) -> Result<Enrolled> {
    let proof = key.sign(proof_text(&args.token).as_bytes())?;
    let body = Enrol {
        token: args.token.clone(),
        nkey: key.public_key(),
        proof: URL_SAFE_NO_PAD.encode(proof),
    };
    let client = reqwest::Client::builder().timeout(ANSWER_TIMEOUT).build()?;
    let url = format!("{}/v1/enrol", args.hub.trim_end_matches('/'));
    let answer = client.post(&url).json(&body).send().await;
    let answer = answer.with_context(|| format!("{url} does not answer; try again"))?;
    let status = answer.status();
    let text = answer
        .text()
        .await
        .context("the answer broke off; try again")?;
    if !status.is_success() {
        match serde_json::from_str::<Problem>(&text) {
            Ok(problem) => bail!("the hub says no: {}", problem.detail),
            Err(_) => bail!("{url} answers {status}: is it a hub?"),
        }
    }
    serde_json::from_str(&text)
        .context("the hub's answer cannot be read: is it newer than this edge?")
}

/// What was not meant for this box is not written.
fn check(enrolled: &Enrolled, key: &KeyPair) -> Result<()> {
    let claims = read_claims(&enrolled.jwt).context("the hub's answer holds no credentials")?;
    ensure!(
        claims.sub == key.public_key() && claims.name == enrolled.site.as_str(),
        "the hub's answer is for another box"
    );
    Ok(())
}

fn write(dir: &Path, enrolled: &Enrolled, key: &KeyPair) -> Result<()> {
    let creds_file = dir.join(CREDS);
    write_private(&creds_file, &creds(&enrolled.jwt, &key.seed()?))?;
    let conf = leaf_conf(&enrolled.site, &enrolled.nats_url, &creds_file)?;
    write_private(&dir.join("enrolled.conf"), &conf)?;
    if !enrolled.stock.is_empty() {
        let left = serde_json::to_string_pretty(&enrolled.stock)?;
        write_private(&dir.join(HANDOVER), &left)?;
    }
    configure(dir, enrolled)?;
    // The last step: from here on another enrolment makes another key.
    std::fs::remove_file(dir.join(KEY)).context("removing the key that was put into site.creds")
}

/// Sets in `edge.toml` what the hub has told; what else stands there stays.
fn configure(dir: &Path, enrolled: &Enrolled) -> Result<()> {
    let file = dir.join("edge.toml");
    let mut config: toml::Table = match std::fs::read_to_string(&file) {
        Ok(text) => {
            toml::from_str(&text).with_context(|| format!("{} cannot be read", file.display()))?
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => toml::Table::new(),
        Err(error) => {
            return Err(error).with_context(|| format!("{} cannot be read", file.display()));
        }
    };
    let at = |name: &str| {
        let path = dir.join(name);
        let text = path.to_str().map(str::to_owned);
        text.context("the folder's name is not UTF-8")
    };
    let told = [
        ("site", "id", enrolled.site.to_string()),
        ("site", "name", enrolled.name.clone()),
        ("site", "time_zone", enrolled.time_zone.clone()),
        ("nats", "credentials", at(CREDS)?),
        ("menu", "handover", at(HANDOVER)?),
        (
            "identity",
            "hub_public_key",
            enrolled.hub_public_key.clone(),
        ),
    ];
    for (section, name, value) in told {
        let section = config
            .entry(section)
            .or_insert_with(|| toml::Table::new().into());
        let section = section.as_table_mut();
        let section = section.with_context(|| format!("{}: no section", file.display()))?;
        section.insert(name.to_owned(), value.into());
    }
    write_private(&file, &toml::to_string(&config)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn enrolled(site: &str, key: &KeyPair) -> Enrolled {
        let signer = KeyPair::new_account();
        let id = site.parse().expect("an id");
        let nkey = key.public_key();
        let jwt = sunakku_common::nats::site_user(&signer, "A", &id, &nkey, i64::MAX);
        let answer = serde_json::json!({
            "site": site, "name": "Leeds", "time_zone": "Europe/London", "currency": "GBP",
            "jwt": jwt.expect("signed"), "expires_at": "2027-01-01T00:00:00Z",
            "nats_url": "tls://hub:7422", "hub_public_key": "x",
            "stock": [{"sku": "cake", "on_hand": 3, "suspended": false}],
        });
        serde_json::from_value(answer).expect("an answer")
    }

    #[test]
    fn a_token_may_begin_with_a_hyphen() {
        #[derive(clap::Parser)]
        struct Program {
            #[command(flatten)]
            args: EnrolArgs,
        }
        let words = ["enrol", "--hub", "https://hub", "--token", "-Zq_-"];
        let program = <Program as clap::Parser>::try_parse_from(words);
        assert_eq!(
            program.map(|program| program.args.token).ok().as_deref(),
            Some("-Zq_-")
        );
    }

    #[test]
    fn what_stands_in_the_configuration_stays_and_the_key_is_used_until_all_is_written() {
        let dir = std::env::temp_dir().join(format!("enrol-{}", uuid::Uuid::now_v7()));
        std::fs::create_dir_all(&dir).expect("a folder");
        let before = "[redis]\nurl = \"redis://x\"\n[site]\nid = \"old\"\n";
        std::fs::write(dir.join("edge.toml"), before).expect("written");
        let key = own_key(&dir.join(KEY)).expect("a key");
        let again = own_key(&dir.join(KEY)).expect("the same key");
        assert_eq!(key.public_key(), again.public_key());
        write(&dir, &enrolled("s1", &key), &key).expect("written");
        let read = |name: &str| std::fs::read_to_string(dir.join(name)).expect(name);
        let config = read("edge.toml");
        assert!(
            config.contains("redis://x") && config.contains("\"s1\""),
            "{config}"
        );
        assert!(read(CREDS).contains(&key.seed().expect("a seed")));
        assert!(read("enrolled.conf").contains("tls://hub:7422"));
        assert!(read(HANDOVER).contains("cake"));
        let other = own_key(&dir.join(KEY)).expect("another key");
        assert_ne!(key.public_key(), other.public_key());
        std::fs::remove_dir_all(&dir).expect("removed");
    }

    #[test]
    fn an_answer_for_another_box_is_not_taken() {
        let (own, other) = (KeyPair::new_user(), KeyPair::new_user());
        assert!(check(&enrolled("s1", &own), &own).is_ok());
        assert!(check(&enrolled("s1", &other), &own).is_err());
        let mut wrong = enrolled("s1", &own);
        wrong.site = "s2".parse().expect("an id");
        assert!(check(&wrong, &own).is_err());
    }
}
