import { createServer } from 'node:http';
import { expect, it, onTestFinished } from 'vitest';
import { HeldBytes } from '../../gateway/request/held-bytes.ts';
import { readBody } from '../../gateway/request/request-body.ts';
import { Uploads } from '../../gateway/request/uploads.ts';
import { writeProblem } from '../../gateway/http/problem-response.ts';
import { Problem } from '#shared/contract/errors.ts';
import { speak } from '../fixtures/raw-http.ts';

it('answers 408 to an upload that stalls and disconnects it; reads an upload that is only slow', async () => {
  const held = new HeldBytes(1000);
  const uploads = new Uploads(held, 400);
  const server = createServer((request, response) => {
    Promise.resolve(readBody(request, 1000, uploads)).then(
      (body) => response.end(String(body.length)),
      (problem: unknown) => problem instanceof Problem && writeProblem(response, problem),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  const address = server.address();
  const url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
  const head = 'POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 10\r\n\r\n';
  const silent = await speak(url, `${head}abc`);
  const slow = await speak(url, head);
  for (let at = 0; at < 10; at += 1) {
    await new Promise((resolve) => setTimeout(resolve, 150));
    slow.socket.write('x');
  }
  expect(await slow.ended).toMatch(/^HTTP\/1\.1 200 [^]*\r\n\r\n10$/);
  expect(await silent.ended).toMatch(/^HTTP\/1\.1 408 [^]*"request_timeout"/);
  expect([uploads.size, held.size]).toEqual([0, 0]);
});
