"""A bot written with LINE's own SDK for Python. Where LINE is, and the channel's secret and token, come from the environment."""

import hashlib
import os
from http.server import BaseHTTPRequestHandler, HTTPServer

from linebot.v3 import WebhookHandler
from linebot.v3.exceptions import InvalidSignatureError
from linebot.v3.messaging import (
    ApiClient,
    Configuration,
    MessagingApi,
    MessagingApiBlob,
    ReplyMessageRequest,
    SetWebhookEndpointRequest,
    TextMessage,
)
from linebot.v3.webhooks import (
    FollowEvent,
    ImageMessageContent,
    JoinEvent,
    MessageEvent,
    PostbackEvent,
    TextMessageContent,
)

configuration = Configuration(host=os.environ["LINE_API"], access_token=os.environ["LINE_TOKEN"])
client = ApiClient(configuration)
api, blob = MessagingApi(client), MessagingApiBlob(client)
handler = WebhookHandler(os.environ["LINE_SECRET"])


def reply(event, text):
    api.reply_message(ReplyMessageRequest(reply_token=event.reply_token, messages=[TextMessage(text=text)]))


@handler.add(MessageEvent, message=TextMessageContent)
def on_text(event):
    reply(event, event.message.text)


@handler.add(MessageEvent, message=ImageMessageContent)
def on_image(event):
    content = blob.get_message_content(event.message.id)
    reply(event, hashlib.sha256(bytes(content)).hexdigest())


@handler.add(PostbackEvent)
def on_postback(event):
    reply(event, f"chose {event.postback.data}")


@handler.add(FollowEvent)
def on_follow(event):
    reply(event, f"Welcome, {api.get_profile(event.source.user_id).display_name}")


@handler.add(JoinEvent)
def on_join(event):
    reply(event, f"Hello, {api.get_group_summary(event.source.group_id).group_name}")


class Webhook(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        status = 200
        try:
            handler.handle(body, self.headers["X-Line-Signature"])
        except InvalidSignatureError:
            status = 400
        self.send_response(status)
        self.end_headers()

    def log_message(self, *_):
        pass


server = HTTPServer(("127.0.0.1", 0), Webhook)
api.set_webhook_endpoint(SetWebhookEndpointRequest(endpoint=f"http://127.0.0.1:{server.server_port}/callback"))
print("ready", flush=True)
server.serve_forever()
