/** The largest weight that an operator may give: a replica that owns ten times the keys of another one. */
export const maxWeight = 10;
