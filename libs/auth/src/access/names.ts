/** Names of teams and roles: a line of 1 to 100 characters without control characters, no space at its ends. */
export const NAME = /^(?!\s)[^\p{Cc}]{1,100}(?<!\s)$/u;

export const NAME_MESSAGE = 'must be 1 to 100 characters in one line, without spaces at the ends';
