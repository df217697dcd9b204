/** What goes wrong between a custodian and its client, by count: for tests, and to try it out. */
export interface Faults {
  /** So many submissions are taken, and their answers are lost. */
  loseReplies: number;
  /** So many submissions are lost before they are taken. */
  loseRequests: number;
  /** So many answers to questions are lost. */
  loseAnswers: number;
  /** Submissions are answered so late. */
  replyAfterMs: number;
  /** Every webhook is sent so many times more. */
  repeatHooks: number;
}

export const NO_FAULTS: Faults = {
  loseReplies: 0,
  loseRequests: 0,
  loseAnswers: 0,
  replyAfterMs: 0,
  repeatHooks: 0,
};
