import { Script } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { dispatchPaths } from '../../gateway/openapi/dispatch-paths.ts';
import { pageScript, prepareRequest } from '../../gateway/openapi/page-script.ts';
import { documentForPeople, methodField } from '../../gateway/openapi/people-document.ts';

const url = (path: string): string => `http://127.0.0.1:5000${path}`;

describe('the document for people', () => {
  it('has one entry for dispatched requests, and all others as they are', () => {
    const rep = { get: { operationId: 'listReplicas' } };
    const paths = { '/{path}': { ...dispatchPaths()['/{path}'] }, '/rep': rep };
    const { openapi, paths: shown } = documentForPeople<{
      openapi: string;
      paths: Record<string, Record<string, unknown>>;
    }>({
      openapi: '3.1.0',
      paths,
    });
    expect([openapi, shown['/rep']]).toEqual(['3.1.0', rep]);
    expect(Object.keys(shown['/{path}'] ?? {})).toEqual(['post']);
    expect(Object.keys(dispatchPaths()['/{path}'] ?? {})).toHaveLength(7);
    expect(JSON.stringify(shown['/{path}'])).toContain(methodField);
  });

  it('is the same document if it has no dispatched requests', () => {
    const document = { paths: { '/rep': {} } };
    expect(documentForPeople(document)).toBe(document);
  });
});

describe('a request of the page', () => {
  it('is sent with the method that was chosen, and with the path that was typed', () => {
    const headers = { [methodField]: 'PUT', 'Ringpost-Key': 'ada', 'Content-Type': 'text/plain' };
    const typed = '/carts%2F7%2Fitems%3Fn%3D2%26q%3D%C3%BC';
    const sent = prepareRequest({ url: url(typed), method: 'POST', headers, body: 'b' }, methodField);
    expect(sent).toEqual({
      url: url('/carts/7/items?n=2&q=%C3%BC'),
      method: 'PUT',
      headers: { 'Ringpost-Key': 'ada', 'Content-Type': 'text/plain' },
      body: 'b',
    });
  });

  it.each(['GET', 'HEAD'])('has no body with %s', (method) => {
    const headers = { [methodField]: method, 'Content-Type': 'text/plain' };
    const sent = prepareRequest({ url: url('/x'), method: 'POST', headers, body: 'b' }, methodField);
    expect(sent).toEqual({ url: url('/x'), method, headers: {} });
  });

  it('never leaves this origin, whatever path is typed, and survives one that is not UTF-8', () => {
    const sentTo = (path: string): string =>
      prepareRequest({ url: url(path), headers: { [methodField]: 'GET' } }, methodField).url;
    expect(sentTo('/%2F%2Fevil.test%2Fx')).toBe(url('/evil.test/x'));
    expect(sentTo('/https%3A%2F%2Fevil.test')).toBe(url('/https://evil.test'));
    expect(sentTo('/%ff')).toBe(url('/%ff'));
  });

  it("of the gateway's own paths is sent as it is", () => {
    const own = { url: url('/-/requests/a%2Fb'), method: 'GET', headers: { accept: 'application/json' } };
    expect(prepareRequest({ ...own }, methodField)).toEqual(own);
  });

  it('is prepared by a script that is valid JavaScript without types', () => {
    expect(() => new Script(pageScript)).not.toThrow();
  });
});
