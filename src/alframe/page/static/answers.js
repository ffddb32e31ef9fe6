// The possible answers and their keys.

const LETTERS = "cdefijkmopqruvwy"; // the other letters have a meaning of their own
const KEYS = [..."123456789", ...LETTERS];

export const SPECIAL = [
  { answer: "cannot_tell", name: "Cannot tell", key: "?", title: "Nobody can tell which class it is" },
  { answer: "none_of_these", name: "None of these", key: "n", title: "An image of no class of the list" },
  { answer: "broken", name: "Broken image", key: "b", title: "The picture is damaged or empty" },
];

const STORED = { "-2": "cannot tell", "-3": "none of these" }; // numbers in the store of answers

/** Returns the key of the class at a position, or null beyond the 25th. */
export const classKey = (position) => KEYS[position] ?? null;

/** Returns the class that a key means, or null. */
export function classOfKey(key, classes) {
  const position = KEYS.indexOf(key.toLowerCase());
  return position === -1 ? null : (classes[position] ?? null);
}

/** Returns what an answer is called. */
export function answerName(answer, classes) {
  if (answer === null) return "taken back";
  const special = SPECIAL.find((each) => each.answer === answer)?.name.toLowerCase() ?? STORED[answer];
  if (special) return special;
  return classes.find((each) => each.number === answer)?.name ?? "no label";
}
