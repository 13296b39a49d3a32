// Answers by weights that stand only where label and feature met: behind scorer.js, for a model of
// format textmlr-json 5.
Object.assign(Scorer.prototype, {
  prepareRest() { // what labels without a feature of the document have, the same for all documents
    const { bias, documents, unseen } = this.model;
    this.top = bias.reduce((a, b) => Math.max(a, b));
    this.powers = Float64Array.from(bias, (own) => Math.exp(own - this.top));
    this.total = this.powers.reduce((a, b) => a + b);
    this.rates = documents.length ? Float64Array.from(documents, (n) => n || unseen) : this.powers;
    const all = this.rates.reduce((a, b) => a + b);
    this.rates = this.rates.map((rate) => rate / all);
  },
  *postings(row, idf) { // [label, weight] of a feature
    const { scales, bases, powers, step } = this.model;
    const [bytes, factor] = [atob(row), idf > 0 ? idf : 1];
    let [at, label] = [0, 0];
    const number = () => {
      for (let [own, unit] = [0, 1]; ; unit *= 128) {
        const byte = bytes.charCodeAt(at++);
        own += (byte & 127) * unit;
        if (byte < 128) return own;
      }
    };
    const bits = powers.length && bytes.length ? Uint32Array.of(number() * 8192) : new Uint32Array(1);
    const [scale] = new Float32Array(bits.buffer);
    while (at < bytes.length) {
      label += number();
      const sum = powers.length ? factor * bases[label] * powers[number()] : 0;
      const learnt = step ? number() : 0;
      const whole = learnt % 2 ? -(learnt + 1) / 2 : learnt / 2;
      yield [label, scale * scales[label] * Math.sqrt(sum) + step * whole];
    }
  },
  sparse(text) { // scores and P of each label, by the labels that share a feature with the text
    const [features, { bias, share, calibration }] = [this.features(text), this.model];
    const [values, scores] = [this.values(features), new Map()];
    features.forEach(([_, row, idf], i) => {
      if (values[i])
        for (const [label, weight] of this.postings(row, idf))
          scores.set(label, (scores.get(label) ?? 0) + weight * values[i]);
    });
    let highest = calibration.least;
    for (const sum of scores.values()) highest = Math.max(highest, sum);
    const factor = (highest / calibration.spread) ** calibration.exponent;
    for (const [label, sum] of scores) scores.set(label, bias[label] + factor * sum);
    if (!scores.size) return { p: this.rates, scores: Array.from(this.rates, Math.log) };
    let [most, touched, z] = [this.top, 0, 0];
    for (const [label, score] of scores) {
      most = Math.max(most, score);
      touched += this.powers[label];
    }
    let rest = this.total - touched;
    if (rest < 1e-6 * this.total) // little is left of a difference: the sum itself
      rest = this.powers.reduce((sum, own, label) => (scores.has(label) ? sum : sum + own), 0);
    for (const score of scores.values()) z += Math.exp(score - most);
    const low = Math.exp(this.top - most);
    z += rest * low;
    const mixed = (own, label) => own * (1 - share) / z + share * this.rates[label];
    const p = this.powers.map((own, label) => mixed(own * low, label));
    for (const [label, score] of scores) p[label] = mixed(Math.exp(score - most), label);
    const log_z = most + Math.log(z);
    const own = (label) => share ? Math.log(p[label]) + log_z : scores.get(label) ?? bias[label];
    return { p, scores: this.labels.map((_, label) => own(label)) };
  },
});
