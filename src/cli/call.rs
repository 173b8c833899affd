//! `hotline call`: one command, its content as JSON on standard output.
//!
//! The fields are checked against the table of commands, as a script's are: presence and type, never content.

use std::path::{Path, PathBuf};

use std::ffi::OsStr;

use anyhow::anyhow;
use clap::builder::{PossibleValue, StringValueParser, TypedValueParser};
use serde_json::{Map, Number, Value};

use super::account;
use super::blocking;
use super::exit::Exit;
use super::live::{CertificateStore, LiveSession};
use super::output;
use crate::clock::Clock;
use crate::language::spelling::did_you_mean;
use crate::protocol::{
    COMMANDS, Command, Content, Failure, FailureCode, Field, FieldKind, NETWORKS, Network, Safety, check_field_names,
    check_fields,
};
use crate::session::{CallError, Credentials, Handle, Media, MediaError, MediaMode, SessionConfig};

/// The arguments of `call`.
#[derive(Debug, clap::Args)]
pub(super) struct CallArgs {
    /// The command, such as SendText, send_text or pushMessage
    #[arg(value_parser = CommandName, hide_possible_values = true)]
    command: String,

    /// Its fields; a list is written a,b,c or as JSON
    #[arg(value_name = "field=value")]
    assignments: Vec<String>,

    /// Its fields as a JSON object; field=value goes over it
    #[arg(long, value_name = "JSON")]
    fields: Option<String>,

    /// The session, where the configuration has several
    #[arg(long, value_name = "NAME")]
    session: Option<String>,

    #[command(flatten)]
    account: account::SessionFlags,
}

/// Takes any name, and tells shells the known ones: what is wrong with another is said in our own words.
#[derive(Clone, Copy, Debug)]
struct CommandName;

impl TypedValueParser for CommandName {
    type Value = String;

    fn parse_ref(
        &self,
        command: &clap::Command,
        argument: Option<&clap::Arg>,
        value: &OsStr,
    ) -> Result<String, clap::Error> {
        StringValueParser::new().parse_ref(command, argument, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(known().map(|row| PossibleValue::new(row.name))))
    }
}

/// What to say where there is neither a configuration nor a gateway.
const NO_SESSION: &str = "there is no hotline.toml here: name a configuration by --config, or a session by flags, such as \
                          --gateway ws://127.0.0.1:16089 --email alice@sandbox.test --password sandbox";

impl CallArgs {
    pub(super) fn run(self) -> Result<(), Exit> {
        let command = find(&self.command).map_err(Exit::Usage)?;
        let fields = read_fields(command, self.fields.as_deref(), &self.assignments).map_err(Exit::Usage)?;
        let config = self.account.configuration()?.ok_or_else(|| Exit::usage(anyhow!(NO_SESSION)))?;
        let session = account::choose(&config, self.session.as_deref())?;
        if let Some(reason) = session.network().refusal(command, &session.name) {
            return Err(Exit::usage(anyhow!(reason)));
        }
        // By flags there is a data folder where a bot has run by flags. Channels have no certificates.
        let has_certificates = !matches!(session.login, Credentials::Channel { .. });
        let has_folder = has_certificates && (self.account.gateway.is_none() || config.data.is_dir());
        let keeper =
            if has_folder { CertificateStore::folder(config.data.clone())? } else { CertificateStore::Nowhere };
        let settings = session.settings(&config.limits, &config.pacing, None);
        let mode = session.media;
        let content = blocking::run(async {
            let media = media(command, mode, &settings).await?;
            let uploading = match mode {
                // A message, in contrast to a picture of the account's own, can be uploaded.
                MediaMode::Auto if command.safety == Safety::Effect => {
                    self::media(command, MediaMode::Upload, &settings).await?
                }
                _ => None,
            };
            let mut live = LiveSession::start(settings, keeper)?;
            let outcome = match live.logged_in().await {
                Ok(_) => carry(live.handle(), [media.as_ref(), uploading.as_ref()], command, fields).await,
                Err(error) => Err(error),
            };
            live.stop().await;
            outcome
        })??;
        output::json(&content.value())?;
        Ok(())
    }
}

/// What carries the file of a command that names one. Whoever types a path may open it: every folder is allowed.
async fn media(command: &Command, mode: MediaMode, settings: &SessionConfig) -> anyhow::Result<Option<Media>> {
    if !Media::concerns(command.name) {
        return Ok(None);
    }
    let folders = [std::env::current_dir()?, PathBuf::from("/")];
    Ok(Some(Media::new(mode, settings, &folders).await?))
}

/// Sends the command. A file that the gateway does not find at its path although it is on this machine is carried there.
async fn carry(
    handle: &Handle,
    [media, uploading]: [Option<&Media>; 2],
    command: &Command,
    fields: Map<String, Value>,
) -> anyhow::Result<Content> {
    let path = fields.get("path").and_then(Value::as_str).unwrap_or_default().to_owned();
    let fields = Value::Object(fields).to_string();
    let outcome = send(handle, media, command, fields.clone()).await;
    match outcome.as_ref().err().and_then(|error| error.downcast_ref::<Refused>()) {
        // Refused, it was not sent, so that this is the only time.
        Some(refused) if refused.is_missing_file() && uploading.is_some() && Path::new(&path).is_file() => {
            output::note(format_args!("the gateway has no file at {path}, so it is uploaded from here"));
            send(handle, uploading, command, fields).await
        }
        _ => outcome,
    }
}

/// A command that the gateway has refused.
#[derive(Debug, thiserror::Error)]
#[error("{command}: {} (code {})", failure.content, failure.code)]
struct Refused {
    command: &'static str,
    failure: Failure,
}

impl Refused {
    fn is_missing_file(&self) -> bool {
        self.failure.name() == FailureCode::NotFound.name() && self.failure.content.contains("\"path\"")
    }
}

async fn send(handle: &Handle, media: Option<&Media>, command: &Command, fields: String) -> anyhow::Result<Content> {
    let outcome = match media {
        Some(media) => media.call(handle, command.name, fields, Clock::system().now()).await,
        None => handle.call(command.name, fields).await.map_err(MediaError::from),
    };
    outcome.map_err(|error| match error {
        MediaError::Call(CallError::Refused(failure)) => Refused { command: command.name, failure }.into(),
        error => anyhow!("{}: {error} ({})", command.name, error.name()),
    })
}

/// What can be called: the common commands, and what each network has besides.
fn known() -> impl Iterator<Item = &'static Command> {
    let own = NETWORKS.iter().flat_map(|network| network.own_commands());
    COMMANDS.iter().filter(|command| !command.is_login()).chain(own)
}

/// The command of a name, on the wire or in scripts. A common one's function comes first: others are in a namespace.
fn find(name: &str) -> anyhow::Result<&'static Command> {
    let by_function = || COMMANDS.iter().chain(known()).find(|row| row.function == name || row.call_name() == name);
    match Network::any_command(name).or_else(by_function) {
        Some(command) if command.is_login() => Err(anyhow!(
            "the login is not called: the session logs in by itself, with the account of its configuration"
        )),
        Some(command) => Ok(command),
        None => {
            Err(anyhow!("no command is named \"{name}\"{}", did_you_mean(name, known().map(|command| command.name))))
        }
    }
}

/// The fields of a call: those of the JSON object, and over them the assignments.
fn read_fields(command: &Command, json: Option<&str>, assignments: &[String]) -> anyhow::Result<Map<String, Value>> {
    let mut fields = match json.map(serde_json::from_str) {
        None => Map::new(),
        Some(Ok(Value::Object(fields))) => fields,
        Some(Ok(_)) => return Err(anyhow!("--fields holds another kind of JSON, expected an object")),
        Some(Err(error)) => return Err(anyhow!("--fields is no JSON: {error}")),
    };
    for assignment in assignments {
        let (name, text) = assignment
            .split_once('=')
            .ok_or_else(|| anyhow!("found \"{assignment}\", expected field=value as in {}", usage(command)))?;
        let field = command.fields.iter().find(|field| field.name == name);
        let field = field.ok_or_else(|| unknown_field(command, name))?;
        fields.insert(name.to_owned(), read_value(field, text)?);
    }
    // What `--fields` holds besides the table is sent as it is: gateways know more than their documentation says.
    check_field_names(command.name, fields.keys().map(String::as_str))?;
    check_fields(command, &fields).map_err(|error| anyhow!("{error}; usage: {}", usage(command)))?;
    Ok(fields)
}

fn unknown_field(command: &Command, name: &str) -> anyhow::Error {
    let suggestion = did_you_mean(name, command.fields.iter().map(|field| field.name));
    anyhow!("{} has no field \"{name}\"{suggestion}; usage: {}", command.name, usage(command))
}

/// How a call looks on the command line.
fn usage(command: &Command) -> String {
    let fields = command.fields.iter().map(|field| match field.kind {
        FieldKind::Str => format!(" {}=TEXT", field.name),
        FieldKind::Bool => format!(" {}=true|false", field.name),
        FieldKind::Int => format!(" {}=INTEGER", field.name),
        FieldKind::Float => format!(" {}=NUMBER", field.name),
        FieldKind::List => format!(" {}=A,B,…", field.name),
        FieldKind::Map | FieldKind::Maps => format!(" {}=JSON", field.name),
    });
    format!("hotline call {}{}", command.name, fields.collect::<String>())
}

fn read_value(field: &Field, text: &str) -> anyhow::Result<Value> {
    let value = match field.kind {
        FieldKind::Str => Some(Value::from(text)),
        FieldKind::Bool => text.parse().ok().map(Value::Bool),
        FieldKind::Int => text.parse::<i64>().ok().map(Value::from),
        FieldKind::Float => text.parse().ok().and_then(Number::from_f64).map(Value::Number),
        FieldKind::List => read_list(text),
        FieldKind::Map | FieldKind::Maps => serde_json::from_str(text).ok().filter(|value| field.kind.accepts(value)),
    };
    value.ok_or_else(|| anyhow!("\"{}\" is \"{text}\", expected {}", field.name, field.kind.noun()))
}

fn read_list(text: &str) -> Option<Value> {
    if text.trim_start().starts_with('[') {
        return serde_json::from_str(text).ok().filter(|value| FieldKind::List.accepts(value));
    }
    let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
    Some(items.map(Value::from).collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn fields(command: &str, json: Option<&str>, assignments: &[&str]) -> Result<Value, String> {
        let assignments: Vec<_> = assignments.iter().map(|&text| text.to_owned()).collect();
        let command = find(command).map_err(|error| error.to_string())?;
        read_fields(command, json, &assignments).map(Value::Object).map_err(|error| error.to_string())
    }

    #[test]
    fn values_have_the_types_of_the_table() {
        for (command, assignments, expected) in [
            ("SendText", &["to=u1", "content=a=b, 5"][..], json!({"to": "u1", "content": "a=b, 5"})),
            ("mark_contact", &["mid=u1", "mark=true"], json!({"mid": "u1", "mark": true})),
            ("GetContacts", &["mids=u1, u2"], json!({"mids": ["u1", "u2"]})),
            ("GetContacts", &[r#"mids=["u1,u2"]"#], json!({"mids": ["u1,u2"]})),
            ("GetContacts", &["mids="], json!({"mids": []})),
            ("SendVideo", &["to=u1", "path=v", "duration=5"], json!({"to": "u1", "path": "v", "duration": 5})),
            (
                "SendLocation",
                &["to=u1", "title=t", "address=a", "latitude=35", "longitude=1.5"],
                json!({"to": "u1", "title": "t", "address": "a", "latitude": 35.0, "longitude": 1.5}),
            ),
        ] {
            assert_eq!(fields(command, None, assignments), Ok(expected));
        }
    }

    #[test]
    fn an_operation_is_called_by_its_name_or_its_function() {
        for name in ["pushMessage", "line::push_message", "push_message"] {
            let messages = r#"messages=[{"type":"text","text":"hi"}]"#;
            let expected = json!({"to": "U1", "messages": [{"type": "text", "text": "hi"}]});
            assert_eq!(fields(name, None, &["to=U1", messages]), Ok(expected));
        }
        for (name, command) in
            [("get_profile", "GetProfile"), ("getProfile", "getProfile"), ("line::get_profile", "getProfile")]
        {
            assert_eq!(find(name).map(|row| row.name).ok(), Some(command));
        }
        let error = fields("pushMessage", None, &["to=U1", "messages=hi"]).expect_err("a text is no message");
        assert_eq!(error, "\"messages\" is \"hi\", expected an array of maps");
    }

    #[test]
    fn an_assignment_goes_over_the_json_and_unknown_json_fields_are_sent() {
        let json = r#"{"to": "u1", "content": "old", "new_field": [1]}"#;
        let expected = json!({"to": "u1", "content": "new", "new_field": [1]});
        assert_eq!(fields("SendText", Some(json), &["content=new"]), Ok(expected));
    }

    #[test]
    fn mistakes_say_what_was_meant() {
        for (command, json, assignments, expected) in [
            ("SendTxt", None, &[][..], "no command is named \"SendTxt\"; did you mean \"SendText\"?"),
            ("Login", None, &[], "the session logs in by itself"),
            ("SendText", None, &["too=u1"], "SendText has no field \"too\"; did you mean \"to\"?"),
            (
                "SendText",
                None,
                &["u1"],
                "found \"u1\", expected field=value as in hotline call SendText to=TEXT content=TEXT",
            ),
            ("SendText", None, &["to=u1"], "SendText needs \"content\", a string; found nothing; usage: hotline call"),
            ("MarkContact", None, &["mid=u1", "mark=yes"], "\"mark\" is \"yes\", expected true or false"),
            ("SendVideo", None, &["duration=1.5"], "\"duration\" is \"1.5\", expected an integer"),
            ("GetContacts", None, &["mids=[1]"], "\"mids\" is \"[1]\", expected an array of strings"),
            ("SendText", Some("{"), &[], "--fields is no JSON"),
            ("SendText", Some("[]"), &[], "expected an object"),
            ("SendText", Some(r#"{"to": 1, "content": ""}"#), &[], "needs \"to\", a string; found the number 1"),
            ("GetProfile", Some(r#"{"task_id": 1}"#), &[], "cannot be named \"task_id\""),
        ] {
            let error = fields(command, json, assignments).expect_err(expected);
            assert!(error.contains(expected), "{error}");
        }
    }
}
