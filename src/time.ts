/** The time of `date`, now by default, as documents write it: RFC 3339, UTC, whole seconds. */
export const timeOf = (date: Date = new Date()): string => `${date.toISOString().slice(0, 19)}Z`;
