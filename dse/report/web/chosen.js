// The designs that are chosen, up to four, and who is told when they change.

const MOST_CHOSEN = 4;

export const chosen = {
  /** @type {string[]} */
  keys: [],
  /** @type {(() => void)[]} */
  listeners: [],

  /**
   * Chooses a design alone or beside the others; one that is chosen already is then taken away.
   * @param {string} key
   * @param {boolean} beside
   */
  choose(key, beside = false) {
    const others = this.keys.filter((each) => each !== key);
    if (!beside) this.keys = [key];
    else this.keys = others.length < this.keys.length ? others : [...this.keys, key].slice(-MOST_CHOSEN);
    for (const listener of this.listeners) listener();
  },

  isFull() {
    return this.keys.length >= MOST_CHOSEN;
  },

  /**
   * Chooses the first few without telling anyone.
   * @param {string[]} keys
   */
  begin(keys) {
    this.keys = keys.slice(0, MOST_CHOSEN);
  },
};
