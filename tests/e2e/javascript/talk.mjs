// Conversations by the line; ../programs/talk.py says how they are asked and answer, and is its twin.

import { createHash } from 'node:crypto';
import { createInterface } from 'node:readline';

export const EXTENSION = 'https://example.com/extensions/echo/v1';
const WATCHED = ['a2a-version', 'a2a-extensions', 'x-a2a-extensions'];
const ANSWERED = ['content-type', 'a2a-extensions', 'x-a2a-extensions'];

// One conversation: where to, with which credentials, and what came of it.
export class Talk {
  constructor(job) {
    this.job = job;
    this.result = { said: {}, sent: [], error: null };
    this.step = 'card';
    this.atHead = null;
    this.fetch = (url, init) => this.#fetch(url, init);
  }

  // The fetch of the card's request and that of the calls, each with the credentials that go with them. The SDK has
  // nothing that reads them from the card: how "by-card" is how the SDK's own handler is used.
  fetches(authenticating) {
    const [how, key] = this.job.key ?? ['', ''];
    const fields = how === 'bearer' ? { Authorization: `Bearer ${key}` } : { 'X-API-Key': key };
    const handler = { headers: async () => fields, shouldRetryWithHeaders: async () => undefined };
    const keyed = how ? authenticating(this.fetch, handler) : this.fetch;
    return { forCard: keyed, forCalls: how === 'card-only' ? this.fetch : keyed };
  }

  async #fetch(url, init) {
    const headers = new Headers(init?.headers);
    const fields = picked(headers, WATCHED);
    const sent = { step: this.step, method: init?.method ?? 'GET', url: String(url), fields, answer: null };
    this.result.sent.push(sent);
    const response = await fetch(url, init);
    sent.answer = [response.status, picked(response.headers, ANSWERED)];
    if (this.atHead && response.ok) {
      const name = this.atHead;
      this.atHead = null;
      await this.acknowledge(name);
    }
    return response;
  }

  // Tells the agent on the side channel that an event of this stream has come.
  async acknowledge(name, times = 1) {
    for (let n = 0; this.job.ack && n < times; n += 1) {
      await (await fetch(this.job.ack + name, { method: 'POST' })).arrayBuffer();
    }
  }

  // Has the next good answer acknowledged when its head is there: a stream may begin with what is still to come.
  acknowledgeAtHead(name) {
    this.atHead = name;
  }

  // Goes through the steps.
  async have(conversation) {
    for (const [label, name, ...args] of this.job.steps) {
      this.step = label;
      try {
        this.result.said[label] = conversation[name] ? await conversation[name](...args) : null;
      } catch (error) {
        this.result.said[label] = told(error);
      }
    }
  }
}

function picked(headers, names) {
  return Object.fromEntries(names.filter((name) => headers.has(name)).map((name) => [name, headers.get(name)]));
}

// What an error is; some carry the HTTP status beside their text.
function told(error) {
  return { error: error.constructor.name, text: error.message, status: error.statusCode };
}

// Makes a file of this size, no two places of which look alike, and its description.
export function aFile(size) {
  const data = Buffer.alloc(size, Buffer.from(Array.from({ length: 251 }, (_, index) => index)));
  return [data, `${size} bytes, SHA-256 ${createHash('sha256').update(data).digest('hex')}`];
}

// Says whether a file came back as it was sent, and was understood.
export function compared(data, said, back, text) {
  if (data.equals(back) && text === said) return 'whole';
  return `sent ${said}, answered ${text}, came back as ${back.length} bytes`;
}

// Has conversations until stdin ends.
export async function serve(converse) {
  for await (const line of createInterface({ input: process.stdin })) {
    const talk = new Talk(JSON.parse(line));
    try {
      await converse(talk);
    } catch (error) {
      talk.result.error = told(error);
    }
    process.stdout.write(JSON.stringify(talk.result) + '\n');
  }
}
