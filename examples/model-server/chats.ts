// Twelve users chat with the model at the same time, six turns each. Each turn sends the whole chat so far.
//   node chats.ts http://localhost:5000 chat      the key is the chat
//   node chats.ts http://localhost:5000 random    the key is random, as with any other load balancer
import { RingpostClient } from 'ringpost/client';

interface Message {
  readonly role: 'user' | 'assistant';
  readonly content: string;
}

interface Completion {
  readonly choices: readonly [{ readonly message: Message }];
  readonly usage: {
    readonly prompt_tokens: number;
    readonly prompt_tokens_details: { readonly cached_tokens: number };
  };
}

const [url = 'http://localhost:5000', mode = 'chat'] = process.argv.slice(2);
const client = new RingpostClient(url);
const turns = 6;
const chats = Array.from({ length: 12 }, (_, at) => ({
  name: `chat-${at + 1}`,
  messages: [] as Message[],
  hits: 0,
}));
let tokens = 0;
let cached = 0;

// The same numbers in each run, so that the result is the same too.
let seed = 1;
const random = (): number => (seed = (seed * 48_271) % 2_147_483_647);

for (let turn = 1; turn <= turns; turn += 1) {
  for (const chat of chats) {
    const question = `Question ${turn} of ${mode} ${chat.name}: ${'word '.repeat(40)}`;
    chat.messages.push({ role: 'user', content: question });
    const response = await client.request('/v1/chat/completions', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'stand-in', messages: chat.messages }),
      key: mode === 'chat' ? chat.name : String(random()),
    });
    const { choices, usage } = (await response.json()) as Completion;
    chat.messages.push(choices[0].message);
    tokens += usage.prompt_tokens;
    cached += usage.prompt_tokens_details.cached_tokens;
    if (usage.prompt_tokens_details.cached_tokens > 0) chat.hits += 1;
  }
}

console.log('chat     turns  hits');
for (const { name, hits } of chats) console.log(`${name.padEnd(7)}  ${turns}      ${hits}`);
console.log(
  `prompt tokens found in memory: ${cached} of ${tokens} (${Math.round((100 * cached) / tokens)} %)`,
);
