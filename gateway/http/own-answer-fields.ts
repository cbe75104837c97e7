/**
 * @param spilledFrom the owner of its key, if another replica was selected because of the load.
 * @returns the header fields that the answer to a request gets, alternating names and values.
 */
export function ownAnswerFields(id: string, replica: string, spilledFrom: string | undefined): string[] {
  const fields = ['Ringpost-Replica', replica, 'Ringpost-Request', id];
  if (spilledFrom !== undefined) fields.push('Ringpost-Spilled-From', spilledFrom);
  return fields;
}
