import { expect, it } from 'vitest';
import {
  fieldNames,
  HashKeyError,
  keyFields,
  parseHashKey,
  selectHashKey,
  sourcesText,
} from '../../gateway/request/hash-key.ts';

const text = 'header:x-tenant,cookie:s,query:q,path,ip,random';
const sources = parseHashKey(text);

it('sources are written as they are read', () => {
  expect(sourcesText(sources)).toBe(text);
  expect(parseHashKey(sourcesText(sources))).toEqual(sources);
});

it('sources name the header fields and query parameters that they read', () => {
  expect(fieldNames(sources)).toEqual(['x-tenant', 'q']);
  expect([...keyFields(sources)]).toEqual(['x-tenant']);
});

it('a source that a request has twice or more counts with its first value', () => {
  const request = {
    target: '/p?q=1&q=2?x',
    headers: ['Cookie', 's=1; s=2', 'cookie', 's=3'],
    ip: '10.0.0.1',
  };
  const keyFrom = (source: string): string | undefined =>
    selectHashKey(parseHashKey(source), request, () => '');
  expect(['cookie:s', 'query:q', 'path', 'cookie:t'].map(keyFrom)).toEqual(['1', '1', '/p', undefined]);
});

it('a named source has a name, and the rest of it is the name', () => {
  expect(() => parseHashKey('header:')).toThrow(HashKeyError);
  expect(() => parseHashKey('cookie:')).toThrow(HashKeyError);
  expect(() => parseHashKey('xheader:a')).toThrow(HashKeyError);
  expect(parseHashKey('query:a:b')).toEqual([{ kind: 'query', name: 'a:b' }]);
});

it('the error of a faulty list of sources has a name', () => {
  expect(new HashKeyError('x').name).toBe('HashKeyError');
});
