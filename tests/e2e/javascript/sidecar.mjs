// What both agents have beside the SDK; ../programs/sidecar.py says what it is for, and is its twin.

import { createHash } from 'node:crypto';
import { createServer } from 'node:http';
import express from 'express';

const WATCHED = ['a2a-version', 'authorization', 'x-api-key', 'via', 'host', 'a2a-extensions', 'x-a2a-extensions'];
export const EXTENSION = 'https://example.com/extensions/echo/v1';

class Sidecar {
  constructor() {
    this.app = null;
    this.requests = [];
    this.acks = new Map(); // name -> { count, waiting }
  }

  #of(name) {
    if (!this.acks.has(name)) this.acks.set(name, { count: 0, waiting: [] });
    return this.acks.get(name);
  }

  // Waits until the client has received one more event of this stream.
  async acknowledged(name) {
    const ack = this.#of(name);
    if (ack.count > 0) ack.count -= 1;
    else await new Promise((resolve) => ack.waiting.push(resolve));
  }

  #acknowledge(name) {
    const ack = this.#of(name);
    const next = ack.waiting.shift();
    if (next) next();
    else ack.count += 1;
  }

  // Answers what is ours; records the rest and gives it to the SDK.
  handle(request, response) {
    const { pathname, search } = new URL(request.url, 'http://agent');
    if (pathname === '/-/requests') {
      response.setHeader('Content-Type', 'application/json').end(JSON.stringify(this.requests));
    } else if (pathname.startsWith('/-/ack/')) {
      this.#acknowledge(pathname.slice('/-/ack/'.length));
      request.resume();
      response.setHeader('Content-Type', 'application/json').end('{}');
    } else {
      const watched = Object.entries(request.headers).filter(([name]) => WATCHED.includes(name));
      const fields = Object.fromEntries(watched);
      this.requests.push({ method: request.method, path: pathname, query: search.slice(1), fields });
      this.app(request, response);
    }
  }
}

// Serves makeApp(port, sidecar) on a free loopback port, which is printed as one line of JSON when all is ready.
export function serve(makeApp) {
  const sidecar = new Sidecar();
  const server = createServer((request, response) => sidecar.handle(request, response));
  server.listen(0, '127.0.0.1', () => {
    const { port } = server.address();
    sidecar.app = makeApp(port, sidecar);
    process.stdout.write(JSON.stringify({ port }) + '\n');
  });
}

// An application whose bodies are read here: the SDKs' own readers stop at 100 kB.
export function application() {
  const app = express();
  app.use(express.json({ limit: '64mb', strict: false, type: ['application/json', 'application/a2a+json'] }));
  return app;
}

// Reads what a client wants: "count 3 name" is [3, "name"], all else [0, ""].
export function instruction(text) {
  const words = text.split(/\s+/);
  return words[0] === 'count' ? [Number(words[1]), words[2]] : [0, ''];
}

// Says what a file held, in the words that its sender uses too.
export function described(data) {
  return `${data.length} bytes, SHA-256 ${createHash('sha256').update(data).digest('hex')}`;
}

// The tasks that have been canceled while they wait.
export class Cancellations {
  #waiting = new Map();

  // Waits for a promise; gives whether the task goes on.
  async goesOn(taskId, promise) {
    const canceled = new Promise((resolve) => this.#waiting.set(taskId, () => resolve(false)));
    return Promise.race([promise.then(() => true), canceled]);
  }

  cancel(taskId) {
    this.#waiting.get(taskId)?.();
  }
}
