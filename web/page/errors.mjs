/** What the visitor can do something about: its message is a sentence for them. */
export class PageError extends Error {}
