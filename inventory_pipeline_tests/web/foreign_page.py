"""A page of another program on this machine, and everything that it can try from a browser."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

# Called with the address under attack and a mutation; ends when every try has ended, whatever came of it.
TRY_EVERYTHING = """
async ([target, mutation, forged]) => {
  const opened = [], address = target + '/graphql?query=' + encodeURIComponent(mutation);
  const json = JSON.stringify({query: mutation}), ended = (element) => new Promise((done) => {
    element.onload = element.onerror = done;
    document.body.append(element);
  });
  const element = (name, properties) => Object.assign(document.createElement(name), properties);
  const post = (url, type, body, mode = 'no-cors') =>
    fetch(url, {method: 'POST', mode, credentials: 'include', body: new Blob([body], {type})});
  const form = async (action, enctype, fields) => {
    const frame = element('iframe', {name: 'frame' + Math.random()}), sent = ended(frame);
    const form = element('form', {action, enctype, method: 'post', target: frame.name});
    for (const [name, value] of fields) form.append(element('input', {name, value}));
    document.body.append(form);
    form.submit();
    await sent;
  };
  const websocket = () => new Promise((done) => {
    const socket = new WebSocket(target.replace('http', 'ws') + '/graphql', 'graphql-ws');
    socket.onopen = () => {
      opened.push(socket.url);
      socket.send(JSON.stringify({type: 'connection_init'}));
      socket.send(JSON.stringify({id: '1', type: 'start', payload: {query: mutation}}));
      setTimeout(done, 2000);
    };
    socket.onclose = done;
  });
  await Promise.allSettled([
    fetch(address, {mode: 'no-cors'}), fetch(address, {mode: 'no-cors', referrerPolicy: 'no-referrer'}),
    post(address, 'text/plain', ''), post(address, '', 'x'), post(target + '/graphql', 'text/plain;application/json', json),
    post(target + '/graphql', 'application/json', json, 'cors'), post(target + '/graphql', 'application/json', json),
    post(forged, 'text/plain', ''), post(forged, '', ''), post(forged, 'application/json', '{}', 'cors'),
    form(address, 'application/x-www-form-urlencoded', [['a', 'b']]), form(address, 'multipart/form-data', [['a', 'b']]),
    form(target + '/graphql', 'text/plain', [['{"query":' + JSON.stringify(mutation) + ',"a":"', '"}']]),
    form(forged, 'application/x-www-form-urlencoded', []),
    ended(element('img', {src: address})), ended(element('script', {src: address})), ended(element('iframe', {src: address})),
    ended(element('iframe', {src: address, sandbox: 'allow-scripts'})), ended(element('iframe', {src: target + '/runs'})),
    ended(element('link', {rel: 'stylesheet', href: address})), ended(element('object', {data: address})),
    navigator.sendBeacon(address, new Blob([json], {type: 'text/plain'})),
    websocket(),
  ]);
  return opened;
}
"""


@contextmanager
def foreign_pages() -> Iterator[int]:
    """Serves an empty page while open, and yields the port."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _EmptyPage) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


class _EmptyPage(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>Another program</title><body>")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the standard library's signature
        pass
