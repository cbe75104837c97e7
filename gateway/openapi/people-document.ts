/** A document of OpenAPI, as far as this file looks at it. */
interface Document {
  readonly paths?: Readonly<Record<string, Readonly<Record<string, unknown>> | undefined>> | undefined;
}

/** The path of dispatched requests in the document. */
const dispatched = '/{path}';
/** A header field that never leaves the page: it says which method a request is sent with. */
export const methodField = 'x-page-method';

const anyMethod = {
  in: 'header',
  name: methodField,
  description: 'The method that this page sends. Any other one is dispatched too.',
  required: true,
  schema: {
    type: 'string',
    enum: ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'],
    default: 'GET',
  },
};
const anyBody = {
  description: 'Of any type. GET and HEAD are sent without it.',
  content: Object.fromEntries(
    ['text/plain', 'application/json', 'application/x-www-form-urlencoded', 'application/octet-stream'].map(
      (type) => [type, { schema: { type: 'string' } }],
    ),
  ),
};

/**
 * @param document as it is for programs: with an operation for each method of dispatched requests.
 * @returns the document for people: dispatched requests are one entry, in which the method can be chosen.
 */
export function documentForPeople<T extends Document>(document: T): T {
  const post = document.paths?.[dispatched]?.['post'];
  if (typeof post !== 'object' || post === null) return document;
  const parameters: unknown = 'parameters' in post ? post.parameters : [];
  const operation = {
    ...post,
    operationId: 'dispatch',
    summary: 'Dispatch a request of any method to the replica of its key',
    parameters: [anyMethod, ...(Array.isArray(parameters) ? parameters : [])],
    requestBody: anyBody,
  };
  return { ...document, paths: { ...document.paths, [dispatched]: { post: operation } } };
}
