/** A contestant that did not take part, and why: a record names it. */
export interface Absent {
  readonly scene: string;
  readonly name: string;
  readonly why: string;
}
