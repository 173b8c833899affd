//! The commands about one's own profile and settings.

use serde_json::{Value, json};

use super::account::{Account, Birthday};
use super::{Act, CommandReply, MAX_DISPLAY_NAME, MAX_STATUS_MESSAGE, World, check_length, done, malformed, quoted};
use crate::protocol::commands::{SetBirthday, SetMyUserid, SetNickName, SetSignature};
use crate::protocol::{Failure, FailureCode};

/// The shortest and the longest user id, in characters.
const USER_ID: (usize, usize) = (4, 20);

impl World {
    pub(super) fn get_profile(&self, act: &Act<'_>) -> CommandReply {
        Ok(json!(self.me(act)?.profile(act.media)))
    }

    pub(super) fn get_settings(&self, act: &Act<'_>) -> CommandReply {
        Ok(json!(self.me(act)?.settings))
    }

    pub(super) fn set_nick_name(&mut self, act: &mut Act<'_>, request: &SetNickName) -> CommandReply {
        check_length("nickname", &request.nickname, 1, MAX_DISPLAY_NAME)?;
        self.me_mut(act)?.display_name.clone_from(&request.nickname);
        self.profile_changed(act, "2", &json!({"DISPLAY_NAME": request.nickname}));
        Ok(json!({"nickname": request.nickname}))
    }

    pub(super) fn set_signature(&mut self, act: &mut Act<'_>, request: &SetSignature) -> CommandReply {
        check_length("signature", &request.signature, 0, MAX_STATUS_MESSAGE)?;
        self.me_mut(act)?.status_message.clone_from(&request.signature);
        self.profile_changed(act, "16", &json!({"STATUS_MESSAGE": request.signature}));
        Ok(json!({"signature": request.signature}))
    }

    pub(super) fn update_profile_picture(&mut self, act: &mut Act<'_>) -> CommandReply {
        let picture = act.picture()?.key.clone();
        self.me_mut(act)?.picture = Some(picture.clone());
        self.profile_changed(act, "8", &json!({"PICTURE_STATUS": picture}));
        done()
    }

    pub(super) fn check_userid_valid(&self, user_id: &str) -> CommandReply {
        Ok(json!({"valid": is_user_id(user_id) && !self.is_taken(user_id)}))
    }

    pub(super) fn set_my_userid(&mut self, act: &mut Act<'_>, request: &SetMyUserid) -> CommandReply {
        let wanted = &request.user_id;
        check_length("user_id", wanted, USER_ID.0, USER_ID.1)?;
        if !is_user_id(wanted) {
            return Err(malformed(format!("\"user_id\" takes a-z 0-9 . - _ only; found \"{wanted}\"")));
        }
        let present = &self.me(act)?.user_id;
        // Setting the same id again is no second choice: a client that missed the answer may repeat the command.
        if present != wanted {
            if !present.is_empty() {
                let message = format!("the user id can be set once and is \"{present}\"");
                return Err(Failure::new(FailureCode::Duplicated, message));
            }
            if self.is_taken(wanted) {
                return Err(Failure::new(FailureCode::Duplicated, format!("the user id \"{wanted}\" is taken")));
            }
            self.me_mut(act)?.user_id.clone_from(wanted);
            act.tell_own_devices("UPDATE_PROFILE", json!({"mid": &**act.by}));
        }
        Ok(json!({"user_id": wanted}))
    }

    pub(super) fn get_qr_code(&self, act: &Act<'_>) -> CommandReply {
        Ok(json!({"url": person_url(self.me(act)?)}))
    }

    pub(super) fn set_birthday(&mut self, act: &mut Act<'_>, request: &SetBirthday) -> CommandReply {
        let SetBirthday { year, day } = request;
        if !is_day_of(year, day) {
            return Err(malformed(format!(
                "\"year\" takes four digits and \"day\" a real month and day of that year such as \"0811\"; \
                 found {} and {}",
                quoted(year),
                quoted(day)
            )));
        }
        self.me_mut(act)?.birthday = Some(Birthday { year: year.clone(), day: day.clone() });
        act.tell_own_devices("UPDATE_PROFILE", json!({"mid": &**act.by}));
        done()
    }

    pub(super) fn enable_search_by_user_id(&mut self, act: &mut Act<'_>, enable: bool) -> CommandReply {
        self.me_mut(act)?.settings.privacy_search_by_userid = enable;
        act.tell_own_devices("UPDATE_SETTINGS", json!({"mid": &**act.by}));
        done()
    }

    pub(super) fn enable_secondary_login(&mut self, act: &mut Act<'_>, enable: bool) -> CommandReply {
        self.me_mut(act)?.settings.privacy_allow_secondary_device_login = enable;
        act.tell_own_devices("UPDATE_SETTINGS", json!({"mid": &**act.by}));
        done()
    }

    /// Tells those who have this account as a contact, and the account's other devices.
    fn profile_changed(&self, act: &mut Act<'_>, kind: &str, params: &Value) {
        let by = act.by.clone();
        let watches = |other: &&Account| other.contacts.contains_key(&by) && !other.blocked.contains(&by);
        let watchers = self.accounts.values().filter(watches).map(|other| other.mid.clone()).collect();
        let content = json!({"mid": &*by, "type": kind, "params": params.to_string()});
        act.tell(watchers, "NOTIFIED_UPDATE_PROFILE", content);
        act.tell_own_devices("UPDATE_PROFILE", json!({"mid": &*by}));
    }

    fn is_taken(&self, user_id: &str) -> bool {
        self.accounts.values().any(|account| account.user_id == user_id)
    }
}

/// The url behind an account's QR code.
pub(super) fn person_url(account: &Account) -> String {
    format!("https://{}/ti/p/{}", super::DEMO_DOMAIN, account.ticket)
}

fn is_user_id(text: &str) -> bool {
    let allowed = |b: u8| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-' | b'_');
    (USER_ID.0..=USER_ID.1).contains(&text.len()) && text.bytes().all(allowed)
}

fn is_day_of(year: &str, day: &str) -> bool {
    let digits = |text: &str| text.len() == 4 && text.bytes().all(|b| b.is_ascii_digit());
    if !digits(year) || !digits(day) {
        return false;
    }
    let number = |text: &str| text.parse::<u32>().unwrap_or_default();
    let (year, month, day) = (number(year), number(&day[..2]), number(&day[2..]));
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let days = match month {
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        1..=12 => 31,
        _ => 0,
    };
    year > 0 && (1..=days).contains(&day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_birthday_is_a_real_day_of_its_year() {
        assert!(is_day_of("1980", "0811") && is_day_of("2000", "0229") && is_day_of("2024", "1231"));
        for (year, day) in [("1980", "1308"), ("1900", "0229"), ("1980", "0431"), ("80", "0811"), ("1980", "8/11")] {
            assert!(!is_day_of(year, day), "{year} {day}");
        }
    }

    #[test]
    fn a_user_id_has_4_to_20_plain_letters() {
        assert!(is_user_id("a.b-c_9"));
        for wrong in ["abc", "Abcd", "abcdefghijklmnopqrstu", "ab cd", ""] {
            assert!(!is_user_id(wrong), "{wrong}");
        }
    }
}
