//! The commands that send and fetch files, and the urls handed out for them.
//!
//! No file is opened here: whoever carries a command out brings the file it names as a fact, already stored.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::ids::{Ids, Mid};
use super::messages::{ContentType, Draft};
use super::{Act, CommandReply, World, check_length, malformed, quoted};
use crate::clock::Timestamp;
use crate::protocol::commands::{
    DownloadFile, GetDownloadFileParam, GetSendAudioParam, GetSendFileParam, GetSendImageParam, GetSendVideoParam,
    SendAudio, SendFile, SendImage, SendVideo,
};
use crate::protocol::{Failure, FailureCode, Request};

/// How long a url that was handed out can be used, in milliseconds.
const TICKET_LIFE: Timestamp = 10 * 60 * 1_000;

/// The longest path, in characters.
const MAX_PATH: usize = 4_096;

/// How many urls can be out at a time; the oldest go first.
const TICKETS: usize = 10_000;

/// The header that a transfer must carry.
pub(crate) const TICKET_HEADER: &str = "X-Sandbox-Ticket";

/// A file in the sandbox's store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StoredFile {
    /// The hash of what is in it, under which it is stored.
    pub(crate) key: String,
    /// What it is called.
    pub(crate) name: String,
    /// Its size in bytes.
    pub(crate) size: u64,
}

/// What a command needs of the disk before or after it is carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FileNeed<'a> {
    Nothing,
    /// The file at this path of the sandbox's folder.
    Taken(&'a str),
    /// The file of this message, to be copied to this path of the sandbox's folder.
    Saved {
        msg_id: &'a str,
        path: &'a str,
    },
}

impl<'a> FileNeed<'a> {
    pub(crate) fn of(request: &'a Request) -> Self {
        match request {
            Request::SendImage(SendImage { path, .. })
            | Request::SendVideo(SendVideo { path, .. })
            | Request::SendAudio(SendAudio { path, .. })
            | Request::SendFile(SendFile { path, .. }) => Self::Taken(path),
            Request::UpdateProfilePicture(request) => Self::Taken(&request.path),
            Request::UpdateGroupPicture(request) => Self::Taken(&request.path),
            Request::DownloadFile(DownloadFile { msg_id, path }) => Self::Saved { msg_id, path },
            _ => Self::Nothing,
        }
    }
}

/// What a url was handed out for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Ticket {
    pub(crate) by: Mid,
    pub(crate) until: Timestamp,
    pub(crate) errand: Errand,
    /// The connection that asked for it: what is sent by it is no news there.
    #[serde(skip)]
    pub(crate) device: Option<u64>,
}

/// What happens at a url.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Errand {
    /// A file arrives and becomes a message.
    Upload { to: Mid, kind: ContentType, duration: Option<i64>, name: String, params: String },
    /// A stored file is fetched.
    Download { file: StoredFile },
}

/// What does not outlive the process.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Passing {
    ids: Ids,
    tickets: BTreeMap<String, Ticket>,
    order: VecDeque<String>,
}

impl Passing {
    pub(super) fn new(seed: u64) -> Self {
        // Apart from the ids of the world, since what is drawn here is in no log.
        Self { ids: Ids::new(!seed), ..Self::default() }
    }
}

impl Act<'_> {
    fn stored(&self) -> Result<&StoredFile, Failure> {
        self.file.ok_or_else(|| malformed("the command came without its file"))
    }

    pub(super) fn picture(&self) -> Result<&StoredFile, Failure> {
        self.stored()
    }
}

impl World {
    pub(super) fn send_image(&mut self, act: &mut Act<'_>, request: &SendImage) -> CommandReply {
        self.send_stored(act, &request.to, ContentType::Image, None)
    }

    pub(super) fn send_video(&mut self, act: &mut Act<'_>, request: &SendVideo) -> CommandReply {
        self.send_stored(act, &request.to, ContentType::Video, Some(request.duration))
    }

    pub(super) fn send_audio(&mut self, act: &mut Act<'_>, request: &SendAudio) -> CommandReply {
        self.send_stored(act, &request.to, ContentType::Audio, Some(request.duration))
    }

    pub(super) fn send_file(&mut self, act: &mut Act<'_>, request: &SendFile) -> CommandReply {
        self.send_stored(act, &request.to, ContentType::File, None)
    }

    fn send_stored(&mut self, act: &mut Act<'_>, to: &str, kind: ContentType, duration: Option<i64>) -> CommandReply {
        let to = self.destination(act, to)?;
        check_duration(duration)?;
        let file = act.stored()?.clone();
        Ok(self.post(act, &to, file_body(kind, duration, file)))
    }

    /// Whether a command that brings a file would be carried out with one; asked before the file is read.
    pub(crate) fn allows_file(&self, by: &Mid, request: &Request) -> Result<(), Failure> {
        let act = Act { by, now: 0, media: "", device: None, file: None, deliveries: Vec::new() };
        self.me(&act)?;
        let (to, duration) = match request {
            Request::SendImage(SendImage { to, .. }) | Request::SendFile(SendFile { to, .. }) => (to, None),
            Request::SendVideo(SendVideo { to, duration, .. }) | Request::SendAudio(SendAudio { to, duration, .. }) => {
                (to, Some(*duration))
            }
            Request::UpdateGroupPicture(request) => return self.own_group(&act, &request.group_id).map(drop),
            _ => return Ok(()),
        };
        self.destination(&act, to)?;
        check_duration(duration)
    }

    pub(super) fn send_uploaded(&mut self, act: &mut Act<'_>, ticket: &Ticket) -> CommandReply {
        let Errand::Upload { to, kind, duration, .. } = &ticket.errand else {
            return Err(malformed("this url is for a download"));
        };
        // The account may have left the group, or been blocked, since it asked.
        self.me(act)?;
        let to = self.destination(act, to)?;
        let file = act.stored()?.clone();
        Ok(self.post(act, &to, file_body(*kind, *duration, file)))
    }

    pub(super) fn download_file(&mut self, act: &mut Act<'_>, request: &DownloadFile) -> CommandReply {
        self.file_of(act.by, &request.msg_id)?;
        Ok(json!({"path": request.path}))
    }

    /// The file of a message that an account can see.
    pub(crate) fn file_of(&self, by: &str, msg_id: &str) -> Result<&StoredFile, Failure> {
        let file = self.visible_post(by, msg_id)?.body.file.as_ref();
        file.ok_or_else(|| Failure::new(FailureCode::NotFound, format!("message {msg_id} has no file")))
    }

    pub(super) fn get_send_image_param(&mut self, act: &mut Act<'_>, request: &GetSendImageParam) -> CommandReply {
        let GetSendImageParam { to, path, msg_id } = request;
        self.hand_out_upload(act, to, ContentType::Image, None, path, msg_id)
    }

    pub(super) fn get_send_file_param(&mut self, act: &mut Act<'_>, request: &GetSendFileParam) -> CommandReply {
        let GetSendFileParam { to, path, msg_id } = request;
        self.hand_out_upload(act, to, ContentType::File, None, path, msg_id)
    }

    pub(super) fn get_send_video_param(&mut self, act: &mut Act<'_>, request: &GetSendVideoParam) -> CommandReply {
        let GetSendVideoParam { to, path, duration, msg_id } = request;
        self.hand_out_upload(act, to, ContentType::Video, Some(*duration), path, msg_id)
    }

    pub(super) fn get_send_audio_param(&mut self, act: &mut Act<'_>, request: &GetSendAudioParam) -> CommandReply {
        let GetSendAudioParam { to, path, duration, msg_id } = request;
        self.hand_out_upload(act, to, ContentType::Audio, Some(*duration), path, msg_id)
    }

    fn hand_out_upload(
        &mut self,
        act: &mut Act<'_>,
        to: &str,
        kind: ContentType,
        duration: Option<i64>,
        path: &str,
        msg_id: &str,
    ) -> CommandReply {
        let to = self.destination(act, to)?;
        check_duration(duration)?;
        check_length("path", path, 1, MAX_PATH)?;
        let Some(name) = file_name(path) else {
            return Err(malformed(format!("\"path\" takes a path that ends with a file name; found {}", quoted(path))));
        };
        let params = json!({"name": name, "type": kind.name(), "msg_id": msg_id}).to_string();
        let errand = Errand::Upload { to, kind, duration, name: name.to_owned(), params: params.clone() };
        let token = self.hand_out(act, errand);
        let url = format!("{}/upload/{token}", act.media);
        Ok(json!({"url": url, "heads": heads(&token), "params": params, "path": path}))
    }

    pub(super) fn get_download_file_param(
        &mut self,
        act: &mut Act<'_>,
        request: &GetDownloadFileParam,
    ) -> CommandReply {
        let file = self.file_of(act.by, &request.msg_id)?.clone();
        let token = self.hand_out(act, Errand::Download { file });
        let url = format!("{}/download/{token}", act.media);
        Ok(json!({"url": url, "heads": heads(&token), "path": request.path}))
    }

    fn hand_out(&mut self, act: &Act<'_>, errand: Errand) -> String {
        let passing = &mut self.passing;
        if passing.order.len() == TICKETS
            && let Some(oldest) = passing.order.pop_front()
        {
            passing.tickets.remove(&oldest);
        }
        let token = passing.ids.token();
        let ticket = Ticket { by: act.by.clone(), until: act.now + TICKET_LIFE, errand, device: act.device };
        passing.tickets.insert(token.clone(), ticket);
        passing.order.push_back(token.clone());
        token
    }

    /// What a url that was handed out is for, while it was not used.
    pub(crate) fn ticket(&self, token: &str) -> Option<&Ticket> {
        self.passing.tickets.get(token)
    }

    /// Takes back a url that was handed out: each can be used once.
    pub(crate) fn redeem(&mut self, token: &str, now: Timestamp) -> Option<Ticket> {
        let ticket = self.passing.tickets.remove(token)?;
        self.passing.order.retain(|other| other != token);
        (ticket.until >= now).then_some(ticket)
    }

    /// A PIN to show during a login.
    pub(crate) fn draw_pin(&mut self) -> String {
        self.passing.ids.pin()
    }

    /// The keys of every stored file that the world still names.
    pub(crate) fn stored_keys(&self) -> impl Iterator<Item = &str> {
        let people = self.accounts.values().filter_map(|account| account.picture.as_deref());
        let groups = self.groups.values().filter_map(|group| group.picture.as_deref());
        let posts = self.chats.values().flatten().filter_map(|post| Some(post.body.file.as_ref()?.key.as_str()));
        people.chain(groups).chain(posts)
    }
}

/// What a path ends with, whichever system it comes from.
pub(crate) fn file_name(path: &str) -> Option<&str> {
    let name = path.rsplit(['/', '\\']).next().unwrap_or_default();
    (!name.is_empty() && name != "." && name != "..").then_some(name)
}

fn heads(token: &str) -> Value {
    json!({ TICKET_HEADER: token })
}

fn check_duration(duration: Option<i64>) -> Result<(), Failure> {
    match duration {
        Some(duration) if duration < 0 => {
            Err(malformed(format!("\"duration\" takes milliseconds from 0; found {duration}")))
        }
        _ => Ok(()),
    }
}

fn file_body(kind: ContentType, duration: Option<i64>, file: StoredFile) -> Draft {
    let mut body = Draft::new(kind);
    if kind == ContentType::File {
        body.metadata.insert("FILE_NAME".to_owned(), file.name.clone());
        body.metadata.insert("FILE_SIZE".to_owned(), file.size.to_string());
    }
    if let Some(duration) = duration {
        body.metadata.insert("DURATION".to_owned(), duration.to_string());
    }
    body.file = Some(file);
    body
}
