/**
 * Most values of a search attribute that is a list; a group with more legs is found by its first
 * ones. Temporal takes 2 KiB of an attribute, and ends a saga that sets a longer one.
 */
export const MOST_LISTED = 25;
