//! The API of scenario tests: people, groups, the bot, the clock, the gateway, LINE, the web, assertions.
//!
//! One table for `check`, the editor definitions, the documentation of tests and the proposals in their cards, which are in `suggest`. What the
//! functions *do* is the business of whoever runs tests; a test there compares both.

use super::functions::{HostFunction, HostProperty, Reach};
use super::types::Type;
use crate::protocol::{Proof, shows};

/// The names that every test sees, with their types.
pub static GLOBALS: &[(&str, Type)] =
    &[("bot", Type::Bot), ("clock", Type::Clock), ("gateway", Type::Gateway), ("web", Type::Web)];

/// The types of objects, in the order of the documentation, and what they are; nothing is what belongs to none.
pub static OBJECTS: &[(Option<Type>, &str)] = &[
    (Some(Type::Person), "people: `person(\"alice\")`"),
    (Some(Type::Group), "groups: `group(name, [people])`"),
    (Some(Type::Bot), "the bot: `bot`, `session(\"shop\")`"),
    (Some(Type::Clock), "the clock: `clock`"),
    (Some(Type::Gateway), "the gateway: `gateway`"),
    (Some(Type::Line), "LINE: `session(\"shop\", \"line\").line`"),
    (Some(Type::Web), "the web: `web`"),
    (None, "everything else"),
];

const fn row(
    of: Option<Type>,
    name: &'static str,
    parameters: &'static [(&'static str, Type)],
    result: Type,
    doc: &'static str,
    test: &'static str,
) -> HostFunction {
    HostFunction { of, name, parameters, result, doc, example: shows(test, Proof::Passes), reach: Reach::Tests }
}

const fn property(of: Type, name: &'static str, kind: Type, doc: &'static str, test: &'static str) -> HostProperty {
    HostProperty { of, name, kind, doc, example: shows(test, Proof::Passes) }
}

/// The bot that the examples of this table are about, as `shop.rhai`; `alice` is `person("alice")` in all of them.
pub static SHOP: &str = r#"fn on_message(msg) {
    if msg.text == "ping" { msg.reply("pong"); }
    if msg.text == "/order" { order(msg); }
    if msg.text == "/menu" { send_file(msg.chat, "menu.txt"); }
    if msg.text == "/drink" { drink(msg); }
    if msg.text == "/date" { msg.reply(dates()); }
    if msg.text == "/weather" { msg.reply(http_get("https://api.example.com/weather").body); }
    if msg.content_type == "FILE" { fetch(msg); }
    if msg.content_type in ["IMAGE", "STICKER"] { msg.reply("Nice one!"); }
}

fn order(msg) {
    let item = msg.ask("What would you like?", #{ timeout: "5m" });
    if item == () { msg.reply("Another time, then."); return; }
    log_info(`an order of ${item.text}`);
    msg.reply(`Order ${store.incr("orders")}: one ${item.text}.`);
}

fn drink(msg) {
    let drink = msg.ask("Tea or coffee?", #{ choices: ["Tea", "Coffee"] });
    if drink != () { msg.reply(`One ${drink.choice}.`); }
}

fn dates() {
    let action = #{ type: "datetimepicker", label: "Date", data: "date", mode: "date" };
    #{ type: "text", text: "When?", quickReply: #{ items: [#{ type: "action", action: action }] } }
}

fn fetch(msg) {
    try {
        download_file(msg.id, `inbox/${msg.metadata.FILE_NAME}`);
        msg.reply("I have got it.");
    } catch {
        msg.reply("I cannot get it.");
    }
}

fn on_invite(invite) {
    invite.accept();
    send_text(invite.group_id, "Hello everyone!");
}

fn on_contact_added(event) {
    if session().network == "gateway" { search_and_add_contacts_by_mid(event.mid); }
    send_text(event.mid, `Hello, ${event.person.name}!`);
}

fn on_contact_removed(event) { log_info(`${event.mid} has gone`); }
fn on_postback(event) { send_text(event.chat, `So on ${parse_json(event.params).date}.`); }
fn on_profile_update(event) { send_text(event.mid, `Hello, ${parse_json(event.params).DISPLAY_NAME}!`); }
fn on_join(event) { send_text(event.group_id, `Welcome, ${event.person.name}!`); }
fn on_leave(event) { send_text(event.group_id, `Goodbye, ${event.person.name}.`); }
fn on_kick(event) { send_text(event.group_id, `Was that necessary, ${event.by.name}?`); }
fn on_group_update(event) { send_text(event.group_id, "A new name!"); }
fn on_reaction(event) { send_text(event.chat, `Thank you, ${event.person.name}!`); }
fn on_read(event) { log_info(`${event.person.name} has read it`); }
fn on_unsend(event) { log_info(`${event.msg_id} was taken back`); }
fn on_stop() { log_info("the shop closes"); }
"#;

/// Every function and method.
pub static FUNCTIONS: &[HostFunction] = &[
    row(
        None,
        "person",
        &[("name", Type::String)],
        Type::Person,
        "Someone who has the bot as a contact; made if there is nobody of that name.",
        r#"let zoe = person("zoe");
           zoe.says("ping");
           zoe.expects("pong");"#,
    ),
    row(
        None,
        "group",
        &[("name", Type::String), ("members", Type::Array)],
        Type::Group,
        "A group whose members, people and `bot`, are in it at once.",
        r#"let tea = group("tea", [alice, person("bob"), bot]);
           alice.says_in(tea, "ping");
           tea.expects("pong");"#,
    ),
    row(
        None,
        "session",
        &[("name", Type::String)],
        Type::Bot,
        "The bot as its session of this name has it. `bot` is the first one; without a configuration there is `main` alone.",
        r#"let same = session("main");
           alice.to(same).says("ping");
           alice.expects("pong");"#,
    ),
    row(
        None,
        "session",
        &[("name", Type::String), ("network", Type::String)],
        Type::Bot,
        "The same; where it has no such session, it has one from now on, on the `\"gateway\"` or on `\"line\"`.",
        r#"let shop = session("shop", "line");
           alice.to(shop).says("ping");
           alice.to(shop).expects("pong");"#,
    ),
    row(
        None,
        "settle",
        &[],
        Type::Unit,
        "Waits until the world is at rest.",
        r#"gateway.drop();
           clock.advance("10s");
           settle();
           assert(bot.is_live);"#,
    ),
    row(
        None,
        "snapshot",
        &[("name", Type::String)],
        Type::Unit,
        "The conversation so far is the one in `FILE.NAME.txt` beside the test; `hotline test --update` writes it.",
        r#"alice.says("/order");
           alice.says("cake");
           snapshot("an_order");"#,
    ),
    row(
        None,
        "assert",
        &[("condition", Type::Bool)],
        Type::Unit,
        "Fails where the condition does not hold.",
        r#"alice.says("/order");
           alice.says("tea");
           assert(bot.logged("an order of tea"));"#,
    ),
    row(
        None,
        "assert",
        &[("condition", Type::Bool), ("message", Type::String)],
        Type::Unit,
        "The same with a message of the test's own.",
        r#"let tea = alice.creates_group("tea", [bot]);
           assert(tea.has(bot), "the bot takes no invitation");"#,
    ),
    row(
        None,
        "assert_eq",
        &[("found", Type::Any), ("expected", Type::Any)],
        Type::Unit,
        "Fails where two values differ, and shows how.",
        r#"let tea = group("tea", [alice, bot]);
           assert_eq(tea.members(), ["alice", "bot"]);"#,
    ),
    row(
        None,
        "assert_eq",
        &[("found", Type::Any), ("expected", Type::Any), ("message", Type::String)],
        Type::Unit,
        "The same with a message of the test's own.",
        r#"alice.says("ping");
           assert_eq(alice.receives().content_type, "NONE", "a text is answered by a text");"#,
    ),
    HostFunction {
        example: shows(r#"fail("it is yet to be written");"#, Proof::Fails("it is yet to be written")),
        ..row(None, "fail", &[("message", Type::String)], Type::Unit, "Fails.", "")
    },
    row(
        Some(Type::Person),
        "to",
        &[("bot", Type::Bot)],
        Type::Person,
        "The same person, who speaks with this session of the bot; others speak with `bot`.",
        r#"let alice = alice.to(session("shop", "line"));
           alice.says("ping");
           alice.expects("pong");
           person("alice").expects_nothing();"#,
    ),
    row(
        Some(Type::Person),
        "says",
        &[("text", Type::String)],
        Type::String,
        "Writes to the bot; gives the message's id.",
        r#"alice.says("ping");
           alice.expects("pong");"#,
    ),
    row(
        Some(Type::Person),
        "says_in",
        &[("group", Type::Group), ("text", Type::String)],
        Type::String,
        "Writes in a group; gives the message's id. Who is in it is mentioned as `@name`.",
        r#"let tea = group("tea", [alice, bot]);
           alice.says_in(tea, "ping");
           tea.expects("pong");"#,
    ),
    row(
        Some(Type::Person),
        "sends_image",
        &[],
        Type::String,
        "Sends the bot a message about a picture that cannot be fetched; gives its id.",
        r#"alice.sends_image();
           alice.expects("Nice one!");"#,
    ),
    row(
        Some(Type::Person),
        "sends_sticker",
        &[],
        Type::String,
        "Sends the bot a sticker; gives the message's id.",
        r#"alice.sends_sticker();
           alice.expects("Nice one!");"#,
    ),
    row(
        Some(Type::Person),
        "sends_file",
        &[("name", Type::String)],
        Type::String,
        "Sends the bot a message about a file that cannot be fetched; gives its id.",
        r#"alice.sends_file("order.txt");
           alice.expects("I cannot get it.");"#,
    ),
    row(
        Some(Type::Person),
        "sends_file",
        &[("name", Type::String), ("text", Type::String)],
        Type::String,
        "Sends the bot a file that it can fetch with `download_file`; gives the message's id.",
        r#"alice.sends_file("order.txt", "2 teas");
           alice.expects("I have got it.");"#,
    ),
    row(
        Some(Type::Person),
        "sends_image_in",
        &[("group", Type::Group)],
        Type::String,
        "The same in a group.",
        r#"let tea = group("tea", [alice, bot]);
           alice.sends_image_in(tea);
           tea.expects("Nice one!");"#,
    ),
    row(
        Some(Type::Person),
        "sends_sticker_in",
        &[("group", Type::Group)],
        Type::String,
        "The same in a group.",
        r#"let tea = group("tea", [alice, bot]);
           alice.sends_sticker_in(tea);
           tea.expects("Nice one!");"#,
    ),
    row(
        Some(Type::Person),
        "sends_file_in",
        &[("group", Type::Group), ("name", Type::String)],
        Type::String,
        "The same in a group.",
        r#"let tea = group("tea", [alice, bot]);
           alice.sends_file_in(tea, "order.txt");
           tea.expects("I cannot get it.");"#,
    ),
    row(
        Some(Type::Person),
        "sends_file_in",
        &[("group", Type::Group), ("name", Type::String), ("text", Type::String)],
        Type::String,
        "The same in a group.",
        r#"let tea = group("tea", [alice, bot]);
           alice.sends_file_in(tea, "order.txt", "2 teas");
           tea.expects("I have got it.");"#,
    ),
    row(
        Some(Type::Person),
        "expects",
        &[("text", Type::String)],
        Type::Unit,
        "The bot's next message to this person is this text.",
        r#"alice.says("/order");
           alice.expects("What would you like?");"#,
    ),
    row(
        Some(Type::Person),
        "expects_match",
        &[("pattern", Type::String)],
        Type::Array,
        "It matches a regular expression; gives the captures.",
        r#"alice.says("/order");
           alice.says("tea");
           alice.receives();
           let found = alice.expects_match(`^Order (\d+)`);
           assert_eq(found[1], "1");"#,
    ),
    row(
        Some(Type::Person),
        "expects_kind",
        &[("kind", Type::String)],
        Type::Map,
        "It is of this content type, such as `\"IMAGE\"`; gives the message.",
        r#"gateway.holds("menu.txt");
           alice.says("/menu");
           let menu = alice.expects_kind("FILE");
           assert_eq(menu.metadata.FILE_NAME, "menu.txt");"#,
    ),
    row(
        Some(Type::Person),
        "expects_file",
        &[("name", Type::String)],
        Type::Map,
        "It is a file of this name; gives the message.",
        r#"gateway.holds("menu.txt");
           alice.says("/menu");
           alice.expects_file("menu.txt");"#,
    ),
    row(
        Some(Type::Person),
        "expects_file",
        &[("name", Type::String), ("text", Type::String)],
        Type::Map,
        "It is a file of this name that holds this text; gives the message.",
        r#"gateway.holds("menu.txt", "tea, cake");
           alice.says("/menu");
           alice.expects_file("menu.txt", "tea, cake");"#,
    ),
    row(
        Some(Type::Person),
        "expects_nothing",
        &[],
        Type::Unit,
        "There is none.",
        r#"alice.says("What a day.");
           alice.expects_nothing();"#,
    ),
    row(
        Some(Type::Person),
        "receives",
        &[],
        Type::Map,
        "Gives it, whatever it is: `#{id, text, content_type, timestamp, metadata}`.",
        r#"alice.says("/order");
           let question = alice.receives();
           assert(question.text.ends_with("?"));"#,
    ),
    row(
        Some(Type::Person),
        "expects_in",
        &[("group", Type::Group), ("text", Type::String)],
        Type::Unit,
        "The bot's next message in a group, as this person sees it, is this text.",
        r#"let tea = group("tea", [alice, person("bob"), bot]);
           person("bob").says_in(tea, "ping");
           alice.expects_in(tea, "pong");"#,
    ),
    row(
        Some(Type::Person),
        "expects_match_in",
        &[("group", Type::Group), ("pattern", Type::String)],
        Type::Array,
        "It matches a regular expression; gives the captures.",
        r#"let tea = group("tea", [alice, bot]);
           alice.says_in(tea, "/order");
           alice.expects_match_in(tea, "^What would");"#,
    ),
    row(
        Some(Type::Person),
        "expects_nothing_in",
        &[("group", Type::Group)],
        Type::Unit,
        "There is none.",
        r#"let tea = group("tea", [alice, bot]);
           alice.says_in(tea, "What a day.");
           alice.expects_nothing_in(tea);"#,
    ),
    row(
        Some(Type::Person),
        "creates_group",
        &[("name", Type::String), ("invited", Type::Array)],
        Type::Group,
        "Makes a group and invites people, `bot` among them.",
        r#"let tea = alice.creates_group("tea", [bot, person("bob")]);
           tea.expects("Hello everyone!");"#,
    ),
    row(
        Some(Type::Person),
        "invites",
        &[("who", Type::Any), ("group", Type::Group)],
        Type::Any,
        "Invites a person or `bot` into a group.",
        r#"let tea = group("tea", [alice]);
           alice.invites(bot, tea);
           tea.expects("Hello everyone!");"#,
    ),
    row(
        Some(Type::Person),
        "joins",
        &[("group", Type::Group)],
        Type::Any,
        "Accepts an invitation.",
        r#"let bob = person("bob");
           let tea = group("tea", [alice, bot]);
           alice.invites(bob, tea);
           bob.joins(tea);
           tea.expects("Welcome, bob!");"#,
    ),
    row(
        Some(Type::Person),
        "rejects",
        &[("group", Type::Group)],
        Type::Any,
        "Turns an invitation down.",
        r#"let bob = person("bob");
           let tea = group("tea", [alice, bot]);
           alice.invites(bob, tea);
           bob.rejects(tea);
           tea.expects_nothing();"#,
    ),
    row(
        Some(Type::Person),
        "leaves",
        &[("group", Type::Group)],
        Type::Any,
        "Leaves a group.",
        r#"let bob = person("bob");
           let tea = group("tea", [alice, bob, bot]);
           bob.leaves(tea);
           tea.expects("Goodbye, bob.");"#,
    ),
    row(
        Some(Type::Person),
        "renames",
        &[("group", Type::Group), ("name", Type::String)],
        Type::Any,
        "Gives a group another name.",
        r#"let tea = group("tea", [alice, bot]);
           alice.renames(tea, "coffee");
           tea.expects("A new name!");"#,
    ),
    row(
        Some(Type::Person),
        "kicks",
        &[("who", Type::Any), ("group", Type::Group)],
        Type::Unit,
        "Takes a person or `bot` out of a group.",
        r#"let bob = person("bob");
           let tea = group("tea", [alice, bob, bot]);
           alice.kicks(bob, tea);
           tea.expects("Was that necessary, alice?");"#,
    ),
    row(
        Some(Type::Person),
        "cancels_invitation",
        &[("who", Type::Any), ("group", Type::Group)],
        Type::Unit,
        "Takes an invitation back.",
        r#"bot.runs([]);
           let tea = alice.creates_group("tea", [bot]);
           alice.cancels_invitation(bot, tea);
           assert_eq(tea.invited(), []);"#,
    ),
    row(
        Some(Type::Person),
        "reads",
        &[("message", Type::String)],
        Type::Unit,
        "Has read the message of this id.",
        r#"alice.says("ping");
           alice.reads(alice.receives().id);
           assert(bot.logged("alice has read it"));"#,
    ),
    row(
        Some(Type::Person),
        "unsends",
        &[("message", Type::String)],
        Type::Unit,
        "Takes their own message of this id back.",
        r#"let id = alice.says("/ordr");
           alice.unsends(id);
           assert(bot.logged("taken back"));"#,
    ),
    row(
        Some(Type::Person),
        "reacts_to",
        &[("message", Type::String)],
        Type::Unit,
        "Reacts to the message of this id.",
        r#"alice.says("ping");
           alice.reacts_to(alice.receives().id);
           alice.expects("Thank you, alice!");"#,
    ),
    row(
        Some(Type::Person),
        "is_now_called",
        &[("name", Type::String)],
        Type::Any,
        "Takes another name.",
        r#"let dave = person("dave");
           dave.adds_bot();
           dave.expects("Hello, dave!");
           dave.is_now_called("David");
           dave.expects("Hello, David!");"#,
    ),
    row(
        Some(Type::Person),
        "adds_bot",
        &[],
        Type::Any,
        "Makes the bot a contact.",
        r#"let dave = person("dave");
           dave.adds_bot();
           dave.expects("Hello, dave!");"#,
    ),
    row(
        Some(Type::Person),
        "follows",
        &[("bot", Type::Bot)],
        Type::Unit,
        "Adds the account of a session, or unblocks it.",
        r#"let shop = session("shop", "line");
           alice.follows(shop);
           alice.to(shop).expects("Hello, alice!");"#,
    ),
    row(
        Some(Type::Person),
        "blocks",
        &[("bot", Type::Bot)],
        Type::Unit,
        "Blocks the account of a session.",
        r#"let shop = session("shop", "line");
           alice.blocks(shop);
           assert(shop.logged(`${alice.to(shop).mid} has gone`));"#,
    ),
    row(
        Some(Type::Person),
        "presses",
        &[("button", Type::String)],
        Type::Unit,
        "Presses a button of the bot's messages, by its label, text or data. On the gateway: writes a choice of the list.",
        r#"let alice = alice.to(session("shop", "line"));
           alice.says("/drink");
           alice.expects("Tea or coffee?");
           alice.presses("Tea");
           alice.expects("One Tea.");"#,
    ),
    row(
        Some(Type::Person),
        "presses",
        &[("button", Type::String), ("picked", Type::String)],
        Type::Unit,
        "Presses one at which a date or a time is picked.",
        r#"let alice = alice.to(session("shop", "line"));
           alice.says("/date");
           alice.expects("When?");
           alice.presses("Date", "2026-02-01");
           alice.expects("So on 2026-02-01.");"#,
    ),
    row(
        Some(Type::Person),
        "presses_in",
        &[("group", Type::Group), ("button", Type::String)],
        Type::Unit,
        "The same in a group.",
        r#"let shop = session("shop", "line");
           let tea = group("tea", [alice, shop]);
           let alice = alice.to(shop);
           alice.says_in(tea, "/drink");
           tea.expects("Tea or coffee?");
           alice.presses_in(tea, "Coffee");
           tea.expects("One Coffee.");"#,
    ),
    row(
        Some(Type::Person),
        "presses_in",
        &[("group", Type::Group), ("button", Type::String), ("picked", Type::String)],
        Type::Unit,
        "The same in a group.",
        r#"let shop = session("shop", "line");
           let tea = group("tea", [alice, shop]);
           let alice = alice.to(shop);
           alice.says_in(tea, "/date");
           tea.expects("When?");
           alice.presses_in(tea, "Date", "2026-02-01");
           tea.expects("So on 2026-02-01.");"#,
    ),
    row(
        Some(Type::Person),
        "does",
        &[("command", Type::String), ("fields", Type::Map)],
        Type::Any,
        "Sends any command of the gateway as this person.",
        r#"alice.does("SendLocation", #{
               to: bot.mid, title: "Here", address: "", latitude: 35.0, longitude: 139.0,
           });
           alice.expects_nothing();"#,
    ),
    row(
        Some(Type::Group),
        "members",
        &[],
        Type::Array,
        "The names of those in it.",
        r#"let tea = group("tea", [alice, person("bob"), bot]);
           person("bob").leaves(tea);
           assert_eq(tea.members(), ["alice", "bot"]);"#,
    ),
    row(
        Some(Type::Group),
        "invited",
        &[],
        Type::Array,
        "The names of those invited into it.",
        r#"let tea = alice.creates_group("tea", [person("bob")]);
           assert_eq(tea.invited(), ["bob"]);"#,
    ),
    row(
        Some(Type::Group),
        "has",
        &[("who", Type::Any)],
        Type::Bool,
        "Whether a person or `bot` is a member.",
        r#"let tea = alice.creates_group("tea", [bot, person("bob")]);
           assert(tea.has(bot) && !tea.has(person("bob")));"#,
    ),
    row(
        Some(Type::Group),
        "expects",
        &[("text", Type::String)],
        Type::Unit,
        "The bot's next message in the group is this text.",
        r#"let tea = group("tea", [alice, bot]);
           alice.says_in(tea, "ping");
           tea.expects("pong");"#,
    ),
    row(
        Some(Type::Group),
        "expects_match",
        &[("pattern", Type::String)],
        Type::Array,
        "It matches a regular expression; gives the captures.",
        r#"let tea = group("tea", [alice, bot]);
           alice.says_in(tea, "/order");
           tea.expects_match("^What would");"#,
    ),
    row(
        Some(Type::Group),
        "expects_kind",
        &[("kind", Type::String)],
        Type::Map,
        "It is of this content type; gives the message.",
        r#"gateway.holds("menu.txt");
           let tea = group("tea", [alice, bot]);
           alice.says_in(tea, "/menu");
           tea.expects_kind("FILE");"#,
    ),
    row(
        Some(Type::Group),
        "expects_file",
        &[("name", Type::String)],
        Type::Map,
        "It is a file of this name; gives the message.",
        r#"gateway.holds("menu.txt");
           let tea = group("tea", [alice, bot]);
           alice.says_in(tea, "/menu");
           tea.expects_file("menu.txt");"#,
    ),
    row(
        Some(Type::Group),
        "expects_file",
        &[("name", Type::String), ("text", Type::String)],
        Type::Map,
        "It is a file of this name that holds this text; gives the message.",
        r#"gateway.holds("menu.txt", "tea, cake");
           let tea = group("tea", [alice, bot]);
           alice.says_in(tea, "/menu");
           tea.expects_file("menu.txt", "tea, cake");"#,
    ),
    row(
        Some(Type::Group),
        "expects_nothing",
        &[],
        Type::Unit,
        "There is none.",
        r#"let tea = group("tea", [alice, bot]);
           alice.says_in(tea, "What a day.");
           tea.expects_nothing();"#,
    ),
    row(
        Some(Type::Group),
        "receives",
        &[],
        Type::Map,
        "Gives it, whatever it is.",
        r#"let tea = group("tea", [alice, bot]);
           alice.says_in(tea, "ping");
           assert_eq(tea.receives().text, "pong");"#,
    ),
    row(
        Some(Type::Bot),
        "settings",
        &[("settings", Type::Map)],
        Type::Unit,
        "Sets settings of all scripts over those of the configuration, as saving it would: scripts reload, and runs keep what they began with.",
        r#"bot.settings(#{ limit: 2, cities: ["Osaka", "Taipei"] });"#,
    ),
    row(
        Some(Type::Bot),
        "secrets",
        &[("secrets", Type::Map)],
        Type::Unit,
        "The same of texts, also within arrays and maps, that scripts get as secrets. What a test sees of a request shows `•••` in their place.",
        r#"bot.secrets(#{ api_key: "k-77" });"#,
    ),
    row(
        Some(Type::Bot),
        "kill",
        &[],
        Type::Unit,
        "Ends the bot as a crash would, once what was on its way to it has arrived. The store stays.",
        r#"alice.says("/order");
           alice.expects("What would you like?");
           bot.kill();
           bot.start();
           alice.says("tea");
           alice.expects("Order 1: one tea.");"#,
    ),
    row(
        Some(Type::Bot),
        "start",
        &[],
        Type::Unit,
        "Starts it again.",
        r#"bot.stop();
           alice.says("ping");
           bot.start();
           alice.expects("pong");"#,
    ),
    row(
        Some(Type::Bot),
        "stop",
        &[],
        Type::Unit,
        "Ends it in order: `on_stop` runs.",
        r#"bot.stop();
           assert(bot.logged("the shop closes"));"#,
    ),
    row(
        Some(Type::Bot),
        "reload",
        &[("script", Type::String), ("text", Type::String)],
        Type::Unit,
        "As saving the script's file would; a fault is thrown.",
        r#"bot.reload("shop", `fn on_message(msg) { msg.reply("We have moved."); }`);
           alice.says("ping");
           alice.expects("We have moved.");"#,
    ),
    row(
        Some(Type::Bot),
        "remove",
        &[("script", Type::String)],
        Type::Unit,
        "As deleting the script's file would: it is held until `reload` brings it back.",
        r#"bot.remove("shop");
           alice.says("ping");
           alice.expects_nothing();"#,
    ),
    row(
        Some(Type::Bot),
        "forget",
        &[("script", Type::String)],
        Type::Unit,
        "As `hotline forget`, of a script that was removed.",
        r#"alice.says("/order");
           alice.expects("What would you like?");
           bot.remove("shop");
           bot.forget("shop");
           assert(bot.logged("the shop closes"));"#,
    ),
    row(
        Some(Type::Bot),
        "runs",
        &[("scripts", Type::Array)],
        Type::Unit,
        "Has it run only these scripts from now on, after a new start.",
        r#"bot.runs([]);
           alice.says("ping");
           alice.expects_nothing();
           bot.runs(["shop"]);
           alice.says("ping");
           alice.expects("pong");"#,
    ),
    row(
        Some(Type::Bot),
        "logged",
        &[("text", Type::String)],
        Type::Bool,
        "Whether its log holds a text.",
        r#"alice.says("/order");
           alice.says("tea");
           assert(bot.logged("an order of tea"));"#,
    ),
    row(
        Some(Type::Bot),
        "expects_error",
        &[("text", Type::String)],
        Type::String,
        "A run of the bot has failed with a message that holds this text; gives the message.",
        r#"alice.says("/weather");
           bot.expects_error("no answer for GET https://api.example.com/weather");"#,
    ),
    row(
        Some(Type::Bot),
        "notices",
        &[("subcommand", Type::String), ("content", Type::Any)],
        Type::Unit,
        "An event of any kind reaches it from the gateway.",
        r#"bot.notices("NOTIFIED_ADD_CONTACT", #{ mid: alice.mid });
           alice.expects("Hello, alice!");"#,
    ),
    row(
        Some(Type::Clock),
        "advance",
        &[("by", Type::String)],
        Type::Unit,
        "Time passes step by step, such as `\"10m\"`: everything happens at its time.",
        r#"alice.says("/order");
           alice.expects("What would you like?");
           clock.advance("5m");
           alice.expects("Another time, then.");"#,
    ),
    row(
        Some(Type::Clock),
        "set",
        &[("to", Type::String)],
        Type::Unit,
        "Time passes as with `advance`, until clocks in the bot's zone show this: `\"2026-03-29 01:30\"`, `\"Monday 9:00\"`, `\"9:00\"`. It never goes back.",
        r#"alice.says("/order");
           alice.expects("What would you like?");
           clock.set("Tuesday 9:00");
           alice.expects("Another time, then.");
           assert_eq(clock.now() % 86_400_000, 9 * 3_600_000);"#,
    ),
    row(
        Some(Type::Clock),
        "now",
        &[],
        Type::Integer,
        "The time in milliseconds since 1970.",
        r#"let before = clock.now();
           clock.advance("1h");
           assert_eq(clock.now() - before, 3_600_000);"#,
    ),
    row(
        Some(Type::Gateway),
        "holds",
        &[("name", Type::String)],
        Type::Unit,
        "Puts a file into the gateway's folder, where the paths of `send_file` and the like begin.",
        r#"gateway.holds("menu.txt");
           alice.says("/menu");
           alice.expects_file("menu.txt");"#,
    ),
    row(
        Some(Type::Gateway),
        "holds",
        &[("name", Type::String), ("text", Type::String)],
        Type::Unit,
        "The same with a text of the test's own.",
        r#"gateway.holds("menu.txt", "tea, cake");
           alice.says("/menu");
           alice.expects_file("menu.txt", "tea, cake");"#,
    ),
    row(
        Some(Type::Gateway),
        "drop",
        &[],
        Type::Unit,
        "The bot's connection is lost; it comes back when the clock is advanced.",
        r#"gateway.drop();
           alice.says("ping");
           alice.expects_nothing();
           clock.advance("10s");
           alice.expects("pong");"#,
    ),
    row(
        Some(Type::Gateway),
        "refuses",
        &[("family", Type::String), ("failure", Type::String)],
        Type::Unit,
        "The bot's next command of a family (`\"text\"`, `\"group\"`, …, `\"login\"`, `\"all\"`) fails with `\"ABUSE_BLOCK\"` or another failure.",
        r#"gateway.refuses("text", "ABUSE_BLOCK");
           alice.says("ping");
           bot.expects_error("ABUSE_BLOCK");"#,
    ),
    row(
        Some(Type::Gateway),
        "refuses",
        &[("family", Type::String), ("failure", Type::String), ("times", Type::Integer)],
        Type::Unit,
        "The next so many.",
        r#"gateway.refuses("text", "ABUSE_BLOCK", 2);
           alice.says("ping");
           alice.says("ping");
           alice.says("ping");
           alice.expects("pong");
           bot.expects_error("ABUSE_BLOCK");
           bot.expects_error("ABUSE_BLOCK");"#,
    ),
    row(
        Some(Type::Gateway),
        "delays",
        &[("what", Type::String), ("by", Type::String)],
        Type::Unit,
        "The next frame of the `\"replies\"`, `\"events\"` or `\"all\"` comes late, such as by `\"2s\"`.",
        r#"gateway.delays("events", "2s");
           alice.says("ping");
           alice.expects_nothing();
           clock.advance("2s");
           alice.expects("pong");"#,
    ),
    row(
        Some(Type::Gateway),
        "delays",
        &[("what", Type::String), ("by", Type::String), ("times", Type::Integer)],
        Type::Unit,
        "The next so many.",
        r#"gateway.delays("events", "2s", 2);
           alice.says("ping");
           alice.says("ping");
           alice.expects_nothing();
           clock.advance("4s");
           alice.expects("pong");
           alice.expects("pong");"#,
    ),
    row(
        Some(Type::Gateway),
        "repeats",
        &[("what", Type::String)],
        Type::Unit,
        "The next frame of these comes twice.",
        r#"gateway.repeats("events");
           alice.says("ping");
           alice.expects("pong");
           alice.expects_nothing();"#,
    ),
    row(
        Some(Type::Gateway),
        "repeats",
        &[("what", Type::String), ("times", Type::Integer)],
        Type::Unit,
        "The next so many.",
        r#"gateway.repeats("events", 2);
           alice.says("ping");
           alice.says("/order");
           alice.expects("pong");
           alice.expects("What would you like?");
           alice.expects_nothing();"#,
    ),
    row(
        Some(Type::Gateway),
        "reorders",
        &[("what", Type::String)],
        Type::Unit,
        "It comes after the one that follows it.",
        r#"gateway.reorders("events");
           alice.says("/order");
           alice.says("ping");
           alice.expects("pong");
           alice.expects("What would you like?");"#,
    ),
    row(
        Some(Type::Gateway),
        "reorders",
        &[("what", Type::String), ("times", Type::Integer)],
        Type::Unit,
        "The next so many.",
        r#"gateway.reorders("events", 2);
           alice.says("ping");
           alice.says("/order");
           alice.sends_sticker();
           alice.expects("Nice one!");
           alice.expects("pong");"#,
    ),
    row(
        Some(Type::Gateway),
        "swallows",
        &[("what", Type::String)],
        Type::Unit,
        "It never comes.",
        r#"gateway.swallows("events");
           alice.says("ping");
           alice.expects_nothing();
           alice.says("ping");
           alice.expects("pong");"#,
    ),
    row(
        Some(Type::Gateway),
        "swallows",
        &[("what", Type::String), ("times", Type::Integer)],
        Type::Unit,
        "The next so many.",
        r#"gateway.swallows("events", 2);
           alice.says("ping");
           alice.says("ping");
           alice.expects_nothing();"#,
    ),
    row(
        Some(Type::Gateway),
        "garbles",
        &[("what", Type::String)],
        Type::Unit,
        "It comes after nonsense.",
        r#"gateway.garbles("events");
           alice.says("ping");
           alice.expects("pong");"#,
    ),
    row(
        Some(Type::Gateway),
        "garbles",
        &[("what", Type::String), ("times", Type::Integer)],
        Type::Unit,
        "The next so many.",
        r#"gateway.garbles("all", 3);
           alice.says("ping");
           alice.expects("pong");"#,
    ),
    row(
        Some(Type::Gateway),
        "drops_at",
        &[("what", Type::String)],
        Type::Unit,
        "It costs the connection.",
        r#"gateway.drops_at("events");
           alice.says("ping");
           assert(!bot.is_live);
           clock.advance("10s");
           alice.expects("pong");"#,
    ),
    row(
        Some(Type::Gateway),
        "drops_at",
        &[("what", Type::String), ("times", Type::Integer)],
        Type::Unit,
        "The next so many.",
        r#"gateway.drops_at("events", 2);
           alice.says("ping");
           clock.advance("1m");
           alice.expects("pong");"#,
    ),
    row(
        Some(Type::Gateway),
        "recovers",
        &[],
        Type::Unit,
        "No trouble any more.",
        r#"gateway.swallows("events", 10);
           alice.says("ping");
           alice.expects_nothing();
           gateway.recovers();
           alice.says("ping");
           alice.expects("pong");"#,
    ),
    row(
        Some(Type::Line),
        "refuses",
        &[("operation", Type::String), ("status", Type::Integer)],
        Type::Unit,
        "The bot's next request of an operation, such as `\"reply_message\"`, or of `\"all\"` is answered with a status such as 429 or 500.",
        r#"let shop = session("shop", "line");
           shop.line.refuses("reply_message", 429);
           alice.to(shop).says("ping");
           bot.expects_error("EXCESSIVE_ACCESS");"#,
    ),
    row(
        Some(Type::Line),
        "refuses",
        &[("operation", Type::String), ("status", Type::Integer), ("times", Type::Integer)],
        Type::Unit,
        "The next so many.",
        r#"let shop = session("shop", "line");
           shop.line.refuses("reply_message", 500, 2);
           alice.to(shop).says("ping");
           clock.advance("10s");
           alice.to(shop).expects("pong");"#,
    ),
    row(
        Some(Type::Line),
        "swallows",
        &[("operation", Type::String)],
        Type::Unit,
        "It is never answered, and nothing is done.",
        r#"let shop = session("shop", "line");
           shop.line.swallows("reply_message");
           alice.to(shop).says("ping");
           alice.to(shop).expects_nothing();
           clock.advance("20s");
           alice.to(shop).expects("pong");"#,
    ),
    row(
        Some(Type::Line),
        "swallows",
        &[("operation", Type::String), ("times", Type::Integer)],
        Type::Unit,
        "The next so many.",
        r#"let shop = session("shop", "line");
           shop.line.swallows("get_profile", 2);
           alice.follows(shop);
           clock.advance("1m");
           alice.to(shop).expects("Hello, alice!");"#,
    ),
    row(
        Some(Type::Line),
        "loses",
        &[("operation", Type::String)],
        Type::Unit,
        "It is done and never answered.",
        r#"let shop = session("shop", "line");
           shop.line.loses("reply_message");
           alice.to(shop).says("ping");
           clock.advance("20s");
           alice.to(shop).expects("pong");
           alice.to(shop).expects_nothing();"#,
    ),
    row(
        Some(Type::Line),
        "loses",
        &[("operation", Type::String), ("times", Type::Integer)],
        Type::Unit,
        "The next so many.",
        r#"let shop = session("shop", "line");
           shop.line.loses("all", 2);
           alice.to(shop).says("ping");
           clock.advance("30s");
           alice.to(shop).expects("pong");
           alice.to(shop).expects_nothing();"#,
    ),
    row(
        Some(Type::Line),
        "repeats",
        &[("event", Type::String)],
        Type::Unit,
        "The next webhook of an event, such as `\"message\"`, or of `\"all\"` comes twice.",
        r#"let shop = session("shop", "line");
           shop.line.repeats("message");
           alice.to(shop).says("ping");
           alice.to(shop).expects("pong");
           alice.to(shop).expects_nothing();"#,
    ),
    row(
        Some(Type::Line),
        "repeats",
        &[("event", Type::String), ("times", Type::Integer)],
        Type::Unit,
        "The next so many.",
        r#"let shop = session("shop", "line");
           shop.line.repeats("all", 2);
           alice.follows(shop);
           alice.to(shop).expects("Hello, alice!");
           alice.to(shop).says("ping");
           alice.to(shop).expects("pong");
           alice.to(shop).expects_nothing();"#,
    ),
    row(
        Some(Type::Line),
        "reorders",
        &[("event", Type::String)],
        Type::Unit,
        "It comes after the one that follows it.",
        r#"let shop = session("shop", "line");
           shop.line.reorders("message");
           alice.to(shop).says("/order");
           alice.to(shop).says("ping");
           alice.to(shop).expects("pong");
           clock.advance("1s");
           alice.to(shop).expects("What would you like?");"#,
    ),
    row(
        Some(Type::Line),
        "reorders",
        &[("event", Type::String), ("times", Type::Integer)],
        Type::Unit,
        "The next so many.",
        r#"let shop = session("shop", "line");
           shop.line.reorders("message", 2);
           alice.to(shop).says("ping");
           alice.to(shop).sends_sticker();
           alice.to(shop).says("/drink");
           alice.to(shop).expects("Tea or coffee?");"#,
    ),
    row(
        Some(Type::Line),
        "ends_tokens",
        &[],
        Type::Unit,
        "Every reply token that the bot was given has been used or is too old.",
        r#"let shop = session("shop", "line");
           alice.to(shop).says("/order");
           alice.to(shop).expects("What would you like?");
           shop.line.ends_tokens();
           alice.to(shop).says("tea");
           alice.to(shop).expects("Order 1: one tea.");
           assert_eq(shop.pushes, 0);"#,
    ),
    row(
        Some(Type::Line),
        "allows",
        &[("messages", Type::Integer)],
        Type::Unit,
        "So many messages may be sent in a month, instead of 1,000; replies do not count.",
        r#"let shop = session("shop", "line");
           shop.line.allows(0);
           alice.to(shop).says("/order");
           clock.advance("5m");
           bot.expects_error("QUOTA_EXCEEDED");"#,
    ),
    row(
        Some(Type::Line),
        "recovers",
        &[],
        Type::Unit,
        "No trouble any more.",
        r#"let shop = session("shop", "line");
           shop.line.refuses("all", 429, 100);
           shop.line.recovers();
           alice.to(shop).says("ping");
           alice.to(shop).expects("pong");"#,
    ),
    row(
        Some(Type::Web),
        "answers",
        &[("url", Type::String), ("answer", Type::Any)],
        Type::Unit,
        "What `http`, `http_get` and `http_post` get for a url: a text, a map or array as JSON, or `#{status, headers, body}`. The url may end in `*`, and begin with a method: `\"POST https://…\"`. The latest rule wins.",
        r#"web.answers("https://api.example.com/weather", "sunny");
           alice.says("/weather");
           alice.expects("sunny");"#,
    ),
    row(
        Some(Type::Web),
        "answers",
        &[("url", Type::String), ("answer", Type::Any), ("times", Type::Integer)],
        Type::Unit,
        "Only so many times; then the rule before it counts again.",
        r#"web.answers("https://api.example.com/*", "sunny");
           web.answers("https://api.example.com/weather", "rain", 1);
           alice.says("/weather");
           alice.expects("rain");
           alice.says("/weather");
           alice.expects("sunny");"#,
    ),
    row(
        Some(Type::Web),
        "refuses",
        &[("url", Type::String)],
        Type::Unit,
        "There is no connection.",
        r#"web.refuses("https://api.example.com/weather");
           alice.says("/weather");
           bot.expects_error("http_get");"#,
    ),
    row(
        Some(Type::Web),
        "refuses",
        &[("url", Type::String), ("times", Type::Integer)],
        Type::Unit,
        "Only so many times.",
        r#"web.answers("https://api.example.com/weather", "sunny");
           web.refuses("https://api.example.com/weather", 1);
           alice.says("/weather");
           bot.expects_error("http_get");
           alice.says("/weather");
           alice.expects("sunny");"#,
    ),
    row(
        Some(Type::Web),
        "delays",
        &[("url", Type::String), ("by", Type::String)],
        Type::Unit,
        "The answer comes late, such as by `\"40s\"`, when the clock is advanced.",
        r#"web.answers("https://api.example.com/weather", "sunny");
           web.delays("https://api.example.com/weather", "10s");
           alice.says("/weather");
           alice.expects_nothing();
           clock.advance("10s");
           alice.expects("sunny");"#,
    ),
    row(
        Some(Type::Web),
        "expects",
        &[("url", Type::String)],
        Type::Map,
        "The next request to this url that was not asked for yet: `#{method, url, headers, body}`.",
        r#"web.answers("https://api.example.com/weather", "sunny");
           alice.says("/weather");
           let request = web.expects("https://api.example.com/weather");
           assert_eq(request.method, "GET");"#,
    ),
    row(
        Some(Type::Web),
        "expects_nothing",
        &[],
        Type::Unit,
        "There was no other request.",
        r#"alice.says("ping");
           alice.expects("pong");
           web.expects_nothing();"#,
    ),
];

/// Every property.
pub static PROPERTIES: &[HostProperty] = &[
    property(Type::Person, "name", Type::String, "The person's name.", r#"assert_eq(alice.name, "alice");"#),
    property(
        Type::Person,
        "mid",
        Type::String,
        "The person's mid, as the bot knows it.",
        r#"let known = alice.does("GetProfile", #{});
           assert_eq(known.mid, alice.mid);"#,
    ),
    property(
        Type::Group,
        "name",
        Type::String,
        "The group's name as it is now.",
        r#"let tea = group("tea", [alice, bot]);
           alice.renames(tea, "coffee");
           assert_eq(tea.name, "coffee");"#,
    ),
    property(
        Type::Group,
        "mid",
        Type::String,
        "The group's mid.",
        r#"let tea = group("tea", [alice, bot]);
           let seen = alice.does("SearchGroupById", #{ id: tea.mid });
           assert_eq(seen.chatName, "tea");"#,
    ),
    property(
        Type::Bot,
        "name",
        Type::String,
        "The name of its account in the world.",
        r#"let tea = group("tea", [alice, bot]);
           assert(tea.members().contains(bot.name));"#,
    ),
    property(
        Type::Bot,
        "mid",
        Type::String,
        "The bot's mid.",
        r#"let known = alice.does("GetContacts", #{ mids: [bot.mid] });
           assert_eq(known[0].displayName, "bot");"#,
    ),
    property(
        Type::Bot,
        "line",
        Type::Line,
        "LINE's servers, of a session that is on LINE.",
        r#"let shop = session("shop", "line");
           shop.line.allows(5);"#,
    ),
    property(
        Type::Bot,
        "pushes",
        Type::Integer,
        "On LINE: how many messages cost something. One to a group counts for each of its people.",
        r#"let shop = session("shop", "line");
           alice.to(shop).says("/order");
           clock.advance("5m");
           alice.to(shop).expects("What would you like?");
           alice.to(shop).expects("Another time, then.");
           assert_eq(shop.pushes, 1);"#,
    ),
    property(
        Type::Bot,
        "replies",
        Type::Integer,
        "On LINE: how many messages cost nothing, since they spent the token of an event.",
        r#"let shop = session("shop", "line");
           alice.to(shop).says("/order");
           alice.to(shop).says("tea");
           assert_eq(shop.replies, 2);"#,
    ),
    property(
        Type::Bot,
        "is_live",
        Type::Bool,
        "Whether it is logged in.",
        r#"gateway.drop();
           assert(!bot.is_live);
           clock.advance("10s");
           assert(bot.is_live);"#,
    ),
];

/// The functions and methods of a name; `of` is the type that a method is called on.
pub(crate) fn rows(of: Option<Type>, name: &str) -> impl Iterator<Item = &'static HostFunction> {
    FUNCTIONS.iter().filter(move |row| row.of == of && row.name == name)
}

/// The type of a name that every test sees.
pub(crate) fn global(name: &str) -> Option<Type> {
    GLOBALS.iter().find(|(known, _)| *known == name).map(|(_, of)| *of)
}

/// Whether objects of a type are a test's.
pub(crate) fn has(object: Type) -> bool {
    OBJECTS.iter().any(|(of, _)| *of == Some(object))
}

/// What a person would call an object of a test.
pub(crate) fn noun(of: Type) -> &'static str {
    match of {
        Type::Person => "a person",
        Type::Group => "a group",
        Type::Bot => "the bot",
        Type::Clock => "the clock",
        Type::Gateway => "the gateway",
        Type::Line => "LINE's servers",
        _ => "the web",
    }
}

/// The tables of the documentation of tests, as Markdown, with their examples and the bot that these are about.
pub fn tables() -> String {
    let mut page = String::new();
    for (of, title) in OBJECTS {
        page.push_str(&format!("\n| {title} | | gives |\n|---|---|---|\n"));
        for row in PROPERTIES.iter().filter(|row| Some(row.of) == *of) {
            page.push_str(&format!("| `.{}` | {} | {} |\n", row.name, row.doc, row.kind));
        }
        for row in FUNCTIONS.iter().filter(|row| row.of == *of) {
            let gives = if row.result == Type::Unit { "" } else { row.result.text() };
            page.push_str(&format!("| `{}` | {} | {gives} |\n", row.signature(), row.doc));
        }
    }
    page.push_str(&format!(
        "\n### Examples\n\nEach is a test of its own, in which `alice` is `person(\"alice\")`, against this bot, `shop.rhai`:\n\n\
         ```rhai\n{SHOP}```\n"
    ));
    for (of, title) in OBJECTS {
        page.push_str(&format!("\n#### {}{}\n\n```rhai\n", title[..1].to_uppercase(), &title[1..]));
        let properties = PROPERTIES.iter().filter(|row| Some(row.of) == *of);
        let functions = FUNCTIONS.iter().filter(|row| row.of == *of);
        let named = properties.map(|row| (format!(".{}", row.name), &row.example));
        let examples = named.chain(functions.map(|row| (row.signature(), &row.example)));
        let texts: Vec<_> = examples.map(|(name, example)| format!("// {name}\n{}\n", example.text())).collect();
        page.push_str(&texts.join("\n"));
        page.push_str("```\n");
    }
    page
}
