//! Rich menus: what they are, their names, and who sees which.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::refusal::Refused;
use crate::clock::Timestamp;
use crate::sandbox::world::{Mid, StoredFile};

/// The most rich menus of an account.
const MAX_MENUS: usize = 1_000;

/// The rich menus of the official account.
#[derive(Debug, Default)]
pub(crate) struct RichMenus {
    menus: BTreeMap<String, RichMenu>,
    aliases: BTreeMap<String, String>,
    default: Option<String>,
    of_people: BTreeMap<Mid, String>,
    /// When each batch was accepted, by its request's id.
    batches: BTreeMap<String, Timestamp>,
}

#[derive(Debug)]
struct RichMenu {
    object: Value,
    image: Option<MenuImage>,
}

/// A picture of a rich menu.
#[derive(Clone, Debug)]
pub(crate) struct MenuImage {
    pub(crate) file: StoredFile,
    pub(crate) kind: String,
}

impl RichMenus {
    /// Adds a menu that was checked.
    pub(crate) fn create(&mut self, id: String, object: Value) -> Result<Value, Refused> {
        if self.menus.len() >= MAX_MENUS {
            return Err(Refused::bad_request(format!("an account has at most {MAX_MENUS} rich menus")));
        }
        self.menus.insert(id.clone(), RichMenu { object, image: None });
        Ok(json!({ "richMenuId": id }))
    }

    pub(crate) fn get(&self, id: &str) -> Result<Value, Refused> {
        self.known(id).map(|menu| shown(id, menu))
    }

    pub(crate) fn list(&self) -> Value {
        json!({ "richmenus": self.menus.iter().map(|(id, menu)| shown(id, menu)).collect::<Vec<_>>() })
    }

    pub(crate) fn delete(&mut self, id: &str) -> Result<(), Refused> {
        self.known(id)?;
        self.menus.remove(id);
        self.aliases.retain(|_, menu| menu != id);
        self.of_people.retain(|_, menu| menu != id);
        self.default.take_if(|menu| menu == id);
        Ok(())
    }

    pub(crate) fn image(&self, id: &str) -> Result<&MenuImage, Refused> {
        self.known(id)?.image.as_ref().ok_or_else(Refused::not_found)
    }

    /// Whether a picture may come for a menu.
    pub(crate) fn takes_image(&self, id: &str) -> Result<(), Refused> {
        match self.known(id)?.image {
            None => Ok(()),
            Some(_) => Err(Refused::bad_request("An image has already been uploaded to the richmenu")),
        }
    }

    pub(crate) fn set_image(&mut self, id: &str, image: MenuImage) -> Result<(), Refused> {
        self.takes_image(id)?;
        if let Some(menu) = self.menus.get_mut(id) {
            menu.image = Some(image);
        }
        Ok(())
    }

    pub(crate) fn set_default(&mut self, id: &str) -> Result<(), Refused> {
        self.ready(id)?;
        self.default = Some(id.to_owned());
        Ok(())
    }

    pub(crate) fn default_id(&self) -> Result<Value, Refused> {
        let id = self.default.as_ref();
        id.map(|id| json!({ "richMenuId": id }))
            .ok_or_else(|| Refused::new(StatusCode::NOT_FOUND, "no default richmenu"))
    }

    pub(crate) fn cancel_default(&mut self) {
        self.default = None;
    }

    pub(crate) fn create_alias(&mut self, alias: &str, id: &str) -> Result<(), Refused> {
        if self.aliases.contains_key(alias) {
            return Err(Refused::bad_request("conflict richmenu alias id"));
        }
        self.point(alias, id)
    }

    pub(crate) fn update_alias(&mut self, alias: &str, id: &str) -> Result<(), Refused> {
        self.alias(alias)?;
        self.point(alias, id)
    }

    fn point(&mut self, alias: &str, id: &str) -> Result<(), Refused> {
        let menu = self.menus.get(id).filter(|menu| menu.image.is_some());
        menu.ok_or_else(|| Refused::bad_request("richmenu not found"))?;
        self.aliases.insert(alias.to_owned(), id.to_owned());
        Ok(())
    }

    pub(crate) fn alias(&self, alias: &str) -> Result<Value, Refused> {
        let (alias, id) = self.aliases.get_key_value(alias).ok_or_else(no_alias)?;
        Ok(json!({ "richMenuAliasId": alias, "richMenuId": id }))
    }

    pub(crate) fn aliases(&self) -> Value {
        let shown = |(alias, id): (&String, &String)| json!({ "richMenuAliasId": alias, "richMenuId": id });
        json!({ "aliases": self.aliases.iter().map(shown).collect::<Vec<_>>() })
    }

    pub(crate) fn delete_alias(&mut self, alias: &str) -> Result<(), Refused> {
        self.aliases.remove(alias).map(drop).ok_or_else(no_alias)
    }

    /// The menu of a person alone.
    pub(crate) fn of(&self, person: &Mid) -> Result<Value, Refused> {
        let id = self.of_people.get(person);
        id.map(|id| json!({ "richMenuId": id }))
            .ok_or_else(|| Refused::new(StatusCode::NOT_FOUND, "the user has no richmenu"))
    }

    pub(crate) fn link(&mut self, people: &[Mid], id: &str) -> Result<(), Refused> {
        self.ready(id)?;
        self.of_people.extend(people.iter().map(|person| (person.clone(), id.to_owned())));
        Ok(())
    }

    pub(crate) fn unlink(&mut self, people: &[Mid]) {
        self.of_people.retain(|person, _| !people.contains(person));
    }

    /// Carries out the operations of a batch that was checked.
    pub(crate) fn batch(&mut self, request_id: &str, operations: &[Value], now: Timestamp) {
        for operation in operations {
            let (from, to) = (operation["from"].as_str(), operation["to"].as_str());
            match (operation["type"].as_str(), from, to) {
                (Some("link"), Some(from), Some(to)) => {
                    self.of_people.values_mut().filter(|menu| *menu == from).for_each(|menu| to.clone_into(menu));
                }
                (Some("unlink"), Some(from), _) => self.of_people.retain(|_, menu| menu != from),
                _ => self.of_people.clear(),
            }
        }
        self.batches.insert(request_id.to_owned(), now);
    }

    /// Checks the operations of a batch.
    pub(crate) fn check_batch(&self, operations: &[Value]) -> Result<(), Refused> {
        for operation in operations {
            let id = |name: &str| operation[name].as_str().ok_or_else(|| Refused::property("operations"));
            match operation["type"].as_str() {
                Some("link") => {
                    self.ready(id("from")?)?;
                    self.ready(id("to")?)?;
                }
                Some("unlink") => self.known(id("from")?).map(drop)?,
                Some("unlinkAll") if operations.len() == 1 => {}
                _ => return Err(Refused::property("operations")),
            }
        }
        Ok(())
    }

    /// When a batch was accepted.
    pub(crate) fn batch_accepted(&self, request_id: &str) -> Option<Timestamp> {
        self.batches.get(request_id).copied()
    }

    fn known(&self, id: &str) -> Result<&RichMenu, Refused> {
        self.menus.get(id).ok_or_else(|| Refused::new(StatusCode::NOT_FOUND, "richmenu not found"))
    }

    /// A menu that can be shown.
    fn ready(&self, id: &str) -> Result<(), Refused> {
        match self.known(id)?.image {
            Some(_) => Ok(()),
            None => Err(Refused::bad_request("must upload richmenu image before applying it to user")),
        }
    }
}

fn shown(id: &str, menu: &RichMenu) -> Value {
    let mut object = menu.object.clone();
    object["richMenuId"] = id.into();
    object
}

fn no_alias() -> Refused {
    Refused::new(StatusCode::NOT_FOUND, "richmenu alias not found")
}
