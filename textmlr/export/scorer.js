// Answers for documents by a model that `textmlr export MODEL -o FILE.json` wrote: the whole of
// what a program in any language has to do.  The model's own "about" says what is what.
//   in node      const { Scorer } = require("./scorer.js");
//   in a page    <script src="scorer.js"></script>
//   in both      const scorer = new Scorer(JSON.parse(text));
//                scorer.probabilities("A robot rides into town.") // of each of scorer.labels
//                scorer.likeliest("A robot rides into town.", 5)  // [label, P], P falling

const WEIGHING = { binary: () => 1, raw: (count) => count, log: (count) => 1 + Math.log(count) };
const U64 = 0xffffffffffffffffn;
const fnv = (h, sign) => ((h ^ BigInt(sign.codePointAt(0))) * 0x100000001b3n) & U64; // FNV-1a
const mix = (h) => { // MurmurHash3's fmix64, never 0
  h = ((h ^ (h >> 33n)) * 0xff51afd7ed558ccdn) & U64;
  h = ((h ^ (h >> 33n)) * 0xc4ceb9fe1a85ec53n) & U64;
  return h ^ (h >> 33n) || 1n;
};
const HASH = { // of an n-gram: of its tokens' hashes, or of its characters, from the last on
  words: (tokens) => tokens.map((token) => mix(token.reduce(fnv, 0xcbf29ce484222325n)))
    .reduceRight((h, hash) => mix((h * 0x9e3779b97f4a7c15n + hash) & U64)),
  characters: (signs) => mix(signs.reduceRight(fnv, 0xd6e8feb86659fd93n)),
};
const RAISED = (mark) => ("\u0301" + mark).normalize("NFD")[0] !== "\u0301"; // class 1 to 229
const COMBINES = (mark) => RAISED(mark) || (mark + "\u0323").normalize("NFD")[0] === "\u0323";
class Scorer {
  constructor(model) {
    if (!/^textmlr-json [345]$/.test(model.format))
      throw new Error("not a model in format textmlr-json 3, 4 or 5");
    if (!model.unicode.tokens) throw new Error("its token_pattern is an expression of Python's re");
    [this.model, this.labels] = [model, model.labels];
    this.dropped = new Set(model.featurizer.stop_words);
    this.kinds = new Array(0x110000).fill("O"); // of each code point
    for (const [kind, ranges] of Object.entries(model.unicode.kinds))
      for (const [first, last] of ranges) this.kinds.fill(kind, first, last + 1);
    this.lower = new Map();
    for (const [first, last, step, change] of model.unicode.lower)
      for (let c = first; c <= last; c += step)
        this.lower.set(String.fromCodePoint(c), String.fromCodePoint(c + change));
    if (model.scales) this.prepareRest();
  }
  prepared(text) { // in the form that it is read in
    const { lowercase, normalize, strip_accents } = this.model.featurizer;
    text = text.toWellFormed();
    if (strip_accents)
      text = [...text.normalize("NFKD")].filter((sign) => !COMBINES(sign)).join("");
    if (!normalize) return text;
    text = text.normalize(normalize.toUpperCase());
    if (!lowercase) return text;
    text = Array.from(text, (sign) => this.lower.get(sign) ?? sign).join("");
    const dropped = (all, marks) => [...marks].every(RAISED) ? "i" + marks : all;
    return text.replace(/i(\p{M}*?)\u0307/gu, dropped).normalize(normalize.toUpperCase());
  }
  tokens(text) { // each a list of its characters, lower-cased
    const { punctuation, min_token_length } = this.model.featurizer;
    const signs = [...this.prepared(text)];
    const kinds = signs.map((sign) => this.kinds[sign.codePointAt(0)]).join("");
    const found = [];
    for (const { 0: own, index, groups } of kinds.matchAll(this.model.unicode.tokens)) {
      const long = own.replace(/[XVKZJF]/g, "").length >= min_token_length;
      if (groups.character || (groups.word ? long : punctuation))
        found.push(signs.slice(index, index + own.length).filter((_, i) => own[i] !== "F")
          .map((sign) => this.lower.get(sign) ?? sign));
    }
    return found.filter((token) => !this.dropped.has(token.join("")));
  }
  *ngrams(text) { // [kind, name, parts] of each n-gram
    const { ngrams, char_ngrams } = this.model.featurizer;
    const tokens = this.tokens(text);
    const runs = function* (parts, low, high) {
      for (let end = 1; end <= parts.length; end++)
        for (let n = low; n <= Math.min(high, end); n++) yield parts.slice(end - n, end);
    };
    for (const part of ngrams ? runs(tokens, ...ngrams) : [])
      yield ["words", part.map((token) => token.join("")).join(" "), part];
    for (const padded of char_ngrams ? tokens.map((token) => [" ", ...token, " "]) : [])
      for (const part of runs(padded, Math.min(char_ngrams[0], padded.length), char_ngrams[1]))
        yield ["characters", part.join(""), part]; // a token too short for any is one itself
  }
  features(text) { // [count, weights, idf] of each feature of the text
    const { weights, idf, featurizer } = this.model;
    const [bias, bits] = [BigInt(featurizer.bias), BigInt(featurizer.hash_bits ?? 0)];
    const found = new Map();
    for (let [kind, key, parts] of this.ngrams(text)) {
      const named = !bits && Object.hasOwn(weights[kind], key);
      const hash = named || !(bits || weights.unnamed) ? 0n : HASH[kind](parts);
      if (bits) [kind, key] = ["columns", bias + (((hash >> 32n) * ((1n << bits) - bias)) >> 32n)];
      else if (!named) [kind, key] = ["unnamed", hash.toString(16)];
      if (!bits && !Object.hasOwn(weights[kind] ?? {}, key)) continue;
      const none = this.model.scales ? "" : [];
      const own = [0, weights[kind][key] ?? none, idf ? idf[kind][key] ?? idf.rest : 1];
      if (!found.has(kind + key)) found.set(kind + key, own);
      found.get(kind + key)[0]++;
    }
    return [...found.values()];
  }
  values(features) { // f(x) of each
    const { term_frequency, norm } = this.model.featurizer;
    const values = features.map(([n, _, idf]) => WEIGHING[term_frequency](n) * idf);
    const squares = values.reduce((sum, value) => sum + value * value, 0);
    const length = norm === "l2" ? Math.sqrt(squares) || 1 : 1;
    return values.map((value) => value / length);
  }
  scores(text) { // θᵀf(x, ℓ) of each label, calibrated, in nats
    if (this.model.scales) return this.sparse(text).scores;
    const [features, { bias, calibration, base }] = [this.features(text), this.model];
    const values = this.values(features);
    if (base.length && !features.some(([_, own], i) => values[i] && own.some(Boolean))) return base;
    const scores = this.labels.map((_, label) => bias[label] ?? 0);
    features.forEach(([_, weights], i) =>
      weights.forEach((weight, label) => (scores[label] += weight * values[i])));
    const mean = scores.reduce((a, b) => a + b) / scores.length;
    const spread = Math.sqrt(scores.reduce((a, s) => a + (s - mean) ** 2, 0) / scores.length);
    const relative = Math.max(spread, calibration.least) / calibration.spread;
    const own = scores.map((score) => score * relative ** calibration.exponent);
    const { bend, second } = this.model;
    const z = bend ? own.map((score) => this.bent(score, bend)) : own;
    if (!second) return z;
    const likely = z.map((score) => (score > second.likely ? 1 / (1 + Math.exp(-score)) : 0));
    return z.map((score, label) => this.bent(likely.reduce(
      (sum, p, m) => sum + p * second.links[m][label],
      second.scales[label] * score + second.offsets[label]), second.bend));
  }
  bent(score, { knot, low, middle, high }) {
    return middle * Math.max(-knot, Math.min(score, knot))
      + low * Math.min(score + knot, 0) + high * Math.max(score - knot, 0);
  }
  likeliest(text, most) { // [label, P] of so many labels, P falling
    const p = this.probabilities(text);
    const cut = Float64Array.from(p).sort()[Math.max(0, p.length - most)];
    const own = Array.from(p.keys()).filter((label) => p[label] >= cut);
    own.sort((a, b) => p[b] - p[a] || a - b);
    return own.slice(0, most).map((label) => [this.labels[label], p[label]]);
  }
  answer(text) { // the labels above their thresholds, the likeliest first; without thresholds one
    const [p, least] = [this.probabilities(text), this.model.thresholds];
    if (!least) return this.likeliest(text, 1).map(([label]) => label);
    const ranked = p.map((_, label) => label).sort((a, b) => p[b] - p[a]);
    return ranked.filter((label) => p[label] >= least[label]).map((label) => this.labels[label]);
  }
  probabilities(text) { // P(Y=ℓ | x; θ) of each label
    if (this.model.scales) return Array.from(this.sparse(text).p);
    const scores = this.scores(text);
    if (this.model.bend) return scores.map((score) => 1 / (1 + Math.exp(-score)));
    const top = Math.max(...scores);
    const z = scores.reduce((sum, score) => sum + Math.exp(score - top), 0);
    return scores.map((score) => Math.exp(score - top) / z);
  }
}
if (typeof module !== "undefined") module.exports = { Scorer };
