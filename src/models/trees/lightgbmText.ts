/**
 * @file LightGBM's text model format, versions v3 and v4, both ways.
 *
 * What LightGBM wrote is written back byte for byte, and what we write LightGBM loads. Figures that decide an answer
 * (thresholds, leaf values) have 17 digits and are read exactly; figures that only describe the training (gains, values and
 * weights of inner nodes) have as many digits as they need, which for what LightGBM wrote are the six it wrote.
 *
 * What has no counterpart here is refused by name: linear trees, other boosters' objectives, models of a custom loss.
 * `qlike` is not LightGBM's: such a model is written as `objective=custom` followed by `gimbal_objective=qlike`. LightGBM
 * skips the second line and predicts raw scores, whose exponential is the variance; if LightGBM saves the model again, the line
 * is lost and the objective with it.
 *
 * Source: LightGBM 4.7.0, src/boosting/gbdt_model_text.cpp and src/io/tree.cpp (MIT), read for the format; the code is ours.
 */

import { type Facts, GimbalError } from '../../core/errors.ts'
import { Missing, type Objective, type Tree, type TreeEnsemble } from './ensemble.ts'
import { splitImportance } from './importance.ts'

/** What LightGBM's files hold besides the trees; written back as it was read. */
export interface LightgbmRemarks {
  /** Column of the label in the file LightGBM was trained on. */
  readonly labelIndex: number
  /** Per column -1, 0 or 1; empty when training had no such constraints. */
  readonly monotone: readonly number[]
  /** Lines of the section `feature_importances:`, as name and figure, greatest first. */
  readonly importances: readonly (readonly [name: string, figure: number])[]
  /** Lines of the section `parameters:`, `[name: value]`; null when the file has none. */
  readonly parameters: readonly string[] | null
  /** Whatever follows: the section `parser:`, and `pandas_categorical:` of LightGBM's Python package. */
  readonly trailer: string
}

export type LightgbmModel = TreeEnsemble & LightgbmRemarks

/** LightGBM's objectives that are ours too. */
const OBJECTIVES: readonly Objective[] = [
  'regression',
  'regression_l1',
  'huber',
  'quantile',
  'binary',
  'multiclass',
  'poisson',
  'gamma',
]

const HEADER_FIELDS = new Set([
  'version',
  'num_class',
  'num_tree_per_iteration',
  'label_index',
  'max_feature_idx',
  'objective',
  'gimbal_objective',
  'average_output',
  'feature_names',
  'monotone_constraints',
  'feature_infos',
  'tree_sizes',
])

const TREE_FIELDS = new Set([
  'num_leaves',
  'num_cat',
  'split_feature',
  'split_gain',
  'threshold',
  'decision_type',
  'left_child',
  'right_child',
  'leaf_value',
  'leaf_weight',
  'leaf_count',
  'internal_value',
  'internal_weight',
  'internal_count',
  'cat_boundaries',
  'cat_threshold',
  'is_linear',
  'shrinkage',
])

/**
 * Reads a model LightGBM saved: `Booster.save_model`, `model_to_string`.
 *
 * @throws {GimbalError} `model-invalid` naming line and field, for anything that is damaged, contradicts itself, or asks for
 *   what gimbal does not have.
 */
export function readLightgbmModel(text: string): LightgbmModel {
  const lines = new Lines(text)
  if (lines.next() !== 'tree') throw lines.invalid('it does not begin with the line `tree`')
  const header = readHeader(lines)
  const columns = header.names.length
  const trees: Tree[] = []
  for (const size of header.treeSizes) {
    const start = lines.offset
    if (lines.next() !== `Tree=${trees.length}`)
      throw lines.invalid('another tree was expected here', { field: `Tree=${trees.length}` })
    trees.push(readTree(lines, columns))
    // LightGBM looks for trees by their sizes: a file whose sizes are wrong would load differently there.
    if (lines.offset - start !== size)
      throw lines.invalid('a tree is not as long as the header says', {
        field: 'tree_sizes',
        tree: trees.length - 1,
        said: size,
        found: lines.offset - start,
      })
  }
  if (lines.next() !== 'end of trees') throw lines.invalid('the trees do not end here', { field: 'end of trees' })
  const { objective, objectiveParameters, classCount, names, columnInfos, averaged, labelIndex, monotone } = header
  return {
    objective,
    objectiveParameters,
    classCount,
    names,
    columnInfos,
    trees,
    averaged,
    labelIndex,
    monotone,
    ...readRemarks(lines, names),
  }
}

/**
 * The same model as LightGBM would save it, remarks included where the ensemble has them.
 *
 * @throws {GimbalError} `model-invalid` when a column's name cannot be written (white space, none, or twice), a figure is not a
 *   number, or the trees do not make whole rounds.
 */
export function writeLightgbmModel(ensemble: TreeEnsemble & Partial<LightgbmRemarks>): string {
  const { objective, objectiveParameters, classCount, names, columnInfos, trees } = ensemble
  const fail = (reason: string, facts: Facts): never => {
    throw new GimbalError('model-invalid', `This model cannot be written as LightGBM's: ${reason}`, facts)
  }
  const bad = names.findIndex((name) => name === '' || /\s/.test(name))
  if (bad >= 0) fail('a name is empty or has white space', { field: 'feature_names', column: bad, name: names[bad]! })
  if (names.length === 0) fail('it has no columns', { field: 'feature_names' })
  if (new Set(names).size !== names.length) fail('two columns have the same name', { field: 'feature_names' })
  if (columnInfos.length !== names.length || columnInfos.some((info) => info === '' || /\s/.test(info)))
    fail('there is not one info a column', { field: 'feature_infos', columns: names.length, infos: columnInfos.length })
  if (trees.length % classCount !== 0) fail('a round is not whole', { trees: trees.length, classes: classCount })
  const strange = Object.keys(objectiveParameters).find(
    (name) => name !== 'sqrt' && name !== 'num_class' && !PARAMETERS[objective]?.includes(name),
  )
  if (strange) fail('a parameter of the objective is not known', { field: 'objective', parameter: strange })
  for (const [number, tree] of trees.entries()) {
    const { threshold, leafValue, leafWeight, gain, nodeValue, nodeWeight } = tree
    for (const values of [leafValue, leafWeight, gain, nodeValue, nodeWeight, threshold])
      if (!values.every((value) => Number.isFinite(value) || (values === threshold && !Number.isNaN(value))))
        fail('a figure of a tree is not a number', { tree: number })
  }

  // LightGBM refuses multiclass without its classes and binary without its slope.
  const told: Record<string, number> =
    objective === 'multiclass'
      ? { num_class: classCount }
      : objective === 'binary'
        ? { ...objectiveParameters, sigmoid: objectiveParameters['sigmoid'] ?? 1 }
        : objectiveParameters
  const parameters = Object.entries(told).flatMap(([name, value]) =>
    name === 'sqrt' ? (value ? [' sqrt'] : []) : [` ${name}:${shortest(value)}`],
  )
  const written = objective === 'qlike' ? 'custom' : objective
  const blocks = trees.map((tree, index) => `Tree=${index}\n${treeText(tree)}\n\n`)
  const { monotone = [], labelIndex = 0, trailer = '' } = ensemble
  const importances = ensemble.importances ?? ranked(ensemble)
  const lines = [
    'tree',
    'version=v4',
    `num_class=${classCount}`,
    `num_tree_per_iteration=${classCount}`,
    `label_index=${labelIndex}`,
    `max_feature_idx=${names.length - 1}`,
    `objective=${written}${parameters.join('')}`,
    ...(objective === 'qlike' ? ['gimbal_objective=qlike'] : []),
    ...(ensemble.averaged ? ['average_output'] : []),
    `feature_names=${names.join(' ')}`,
    ...(monotone.length > 0 ? [`monotone_constraints=${monotone.join(' ')}`] : []),
    `feature_infos=${columnInfos.join(' ')}`,
    `tree_sizes=${blocks.map((block) => block.length).join(' ')}`,
    '',
    `${blocks.join('')}end of trees`,
    '',
    'feature_importances:',
    ...importances.map(([name, figure]) => `${name}=${figure}`),
    ...(ensemble.parameters ? ['', 'parameters:', ...ensemble.parameters, '', 'end of parameters'] : []),
  ]
  return `${lines.join('\n')}\n${trailer}`
}

interface Header extends Omit<TreeEnsemble, 'trees'> {
  readonly labelIndex: number
  readonly monotone: readonly number[]
  readonly treeSizes: readonly number[]
}

/** The text line by line, with where we are for whoever has to look at it. */
class Lines {
  readonly text: string
  /** Offset of the next line, in characters; and number of the last one, from 1. */
  offset = 0
  line = 0

  constructor(text: string) {
    this.text = text
  }

  /** The next line; undefined after the last. A last line without its newline was cut off and is refused. */
  next(): string | undefined {
    if (this.offset >= this.text.length) return undefined
    const end = this.text.indexOf('\n', this.offset)
    if (end < 0) {
      this.line++
      throw this.invalid('it is cut off in the middle of a line')
    }
    const line = this.text.slice(this.offset, end)
    this.offset = end + 1
    this.line++
    return line
  }

  /** The next line without taking it. */
  peek(): string | undefined {
    if (this.offset >= this.text.length) return undefined
    const end = this.text.indexOf('\n', this.offset)
    return this.text.slice(this.offset, end < 0 ? undefined : end)
  }

  invalid(reason: string, facts: Facts = {}): GimbalError {
    return new GimbalError('model-invalid', `Not a LightGBM model that can be used: ${reason}`, {
      line: this.line,
      ...facts,
    })
  }
}

/** Fields of a block, and the lines they stand on. */
class Fields {
  readonly #lines: Lines
  readonly #values = new Map<string, { text: string; line: number }>()

  constructor(lines: Lines) {
    this.#lines = lines
  }

  /** Takes a line `name=value`; a line of a name alone has an empty value. */
  take(line: string, known: ReadonlySet<string>): void {
    const equals = line.indexOf('=')
    const name = equals < 0 ? line : line.slice(0, equals)
    if (!known.has(name)) throw this.#lines.invalid('a field is not known', { field: name.slice(0, 60) })
    if (this.#values.has(name)) throw this.#lines.invalid('a field is there twice', { field: name })
    this.#values.set(name, { text: equals < 0 ? '' : line.slice(equals + 1), line: this.#lines.line })
  }

  has(name: string): boolean {
    return this.#values.has(name)
  }

  text(name: string): string {
    const value = this.#values.get(name)
    if (!value) throw this.#lines.invalid('a field is missing', { field: name })
    return value.text
  }

  invalid(name: string, reason: string, facts: Facts = {}): GimbalError {
    const line = this.#values.get(name)?.line ?? this.#lines.line
    return this.#lines.invalid(reason, { line, field: name, ...facts })
  }

  words(name: string): string[] {
    const text = this.text(name)
    return text === '' ? [] : text.split(' ')
  }

  /** One whole number in [min, max]. */
  integer(name: string, min: number, max: number): number {
    return this.#integer(name, this.text(name), min, max)
  }

  /** `count` whole numbers in [min, max]; any number of them when `count` is below 0. */
  integers(name: string, count: number, min: number, max: number): number[] {
    return this.#counted(name, count).map((word) => this.#integer(name, word, min, max))
  }

  /** `count` finite numbers, or words that stand for others. */
  numbers(name: string, count: number, words: Readonly<Record<string, number>> = {}): Float64Array {
    return Float64Array.from(this.#counted(name, count), (word) =>
      Object.hasOwn(words, word) ? words[word]! : this.#number(name, word),
    )
  }

  number(name: string): number {
    return this.#number(name, this.text(name))
  }

  #counted(name: string, count: number): string[] {
    const words = this.words(name)
    if (count >= 0 && words.length !== count)
      throw this.invalid(name, 'a field has the wrong number of figures', { wanted: count, found: words.length })
    return words
  }

  #integer(name: string, word: string, min: number, max: number): number {
    const value = /^-?\d{1,15}$/.test(word) ? Number(word) : Number.NaN
    if (!(value >= min && value <= max))
      throw this.invalid(name, 'a figure is not a whole number in its range', { found: word.slice(0, 40), min, max })
    return value
  }

  #number(name: string, word: string): number {
    const value = /^-?\d+(\.\d+)?(e[+-]\d+)?$/.test(word) ? Number(word) : Number.NaN
    if (!Number.isFinite(value)) throw this.invalid(name, 'a figure is not a number', { found: word.slice(0, 40) })
    return value
  }
}

const INT_MAX = 0x7fffffff
const INFINITE = { inf: Number.POSITIVE_INFINITY, '-inf': Number.NEGATIVE_INFINITY }
/** What only linear trees have. */
const LINEAR_FIELDS = /^(leaf_const|num_features|leaf_features|leaf_coeff)=/

function readHeader(lines: Lines): Header {
  const fields = new Fields(lines)
  for (let line = lines.next(); line !== ''; line = lines.next()) {
    if (line === undefined) throw lines.invalid('its header does not end')
    fields.take(line, HEADER_FIELDS)
  }
  const version = fields.text('version')
  if (version !== 'v4' && version !== 'v3') throw fields.invalid('version', 'its version is not v3 or v4', { version })
  const classCount = fields.integer('num_class', 1, INT_MAX)
  fields.integer('num_tree_per_iteration', classCount, classCount)
  const labelIndex = fields.integer('label_index', -1, INT_MAX)
  const columns = fields.integer('max_feature_idx', 0, INT_MAX - 1) + 1
  const names = fields.words('feature_names')
  if (names.length !== columns || names.includes(''))
    throw fields.invalid('feature_names', 'there is not one name a column', { columns, names: names.length })
  if (new Set(names).size !== columns) throw fields.invalid('feature_names', 'two columns have the same name')
  const columnInfos = fields.words('feature_infos')
  if (columnInfos.length !== columns || columnInfos.includes(''))
    throw fields.invalid('feature_infos', 'there is not one info a column', { columns, infos: columnInfos.length })
  const monotone = fields.has('monotone_constraints') ? fields.integers('monotone_constraints', columns, -1, 1) : []
  const treeSizes = fields.integers('tree_sizes', -1, 1, Number.MAX_SAFE_INTEGER)
  if (treeSizes.length % classCount !== 0)
    throw fields.invalid('tree_sizes', 'a round is not whole', { trees: treeSizes.length, classes: classCount })
  const averaged = fields.has('average_output')
  return {
    ...readObjective(fields, classCount),
    classCount,
    labelIndex,
    names,
    columnInfos,
    monotone,
    treeSizes,
    averaged,
  }
}

function readObjective(fields: Fields, classCount: number): Pick<TreeEnsemble, 'objective' | 'objectiveParameters'> {
  if (!fields.has('objective'))
    throw fields.invalid('objective', 'it names no objective (a custom loss): its raw scores have no known unit')
  const [name = '', ...words] = fields.words('objective')
  const objective = OBJECTIVES.find((each) => each === name)
  if (name === 'custom' && fields.has('gimbal_objective')) {
    const ours = fields.text('gimbal_objective')
    if (ours !== 'qlike' || words.length > 0 || classCount !== 1)
      throw fields.invalid('gimbal_objective', 'an objective of gimbal is not known', { objective: ours.slice(0, 40) })
    return { objective: 'qlike', objectiveParameters: {} }
  }
  if (!objective || fields.has('gimbal_objective'))
    throw fields.invalid('objective', 'its objective has no counterpart here', {
      objective: name.slice(0, 40),
      known: OBJECTIVES.join(' '),
    })
  const objectiveParameters: Record<string, number> = {}
  for (const word of words) {
    const [parameter = '', value = ''] = word.split(':')
    const flag = word === 'sqrt' && (objective === 'regression' || objective === 'regression_l1')
    const number = flag ? 1 : value === '' ? Number.NaN : Number(value)
    if (!(flag || PARAMETERS[objective]?.includes(parameter)) || !Number.isFinite(number))
      throw fields.invalid('objective', 'a parameter of the objective is not known', { parameter: word.slice(0, 40) })
    objectiveParameters[parameter] = number
  }
  // How many classes there are says `classCount`.
  const { num_class: classes = 1, ...rest } = objectiveParameters
  if (classes !== classCount || (objective === 'multiclass') !== classCount > 1)
    throw fields.invalid('objective', 'objective and number of classes contradict each other', {
      objective,
      classes: classCount,
    })
  if (objective === 'binary' && !((objectiveParameters['sigmoid'] ?? 1) > 0))
    throw fields.invalid('objective', 'the slope of a sigmoid must be above 0', {
      sigmoid: objectiveParameters['sigmoid']!,
    })
  return { objective, objectiveParameters: rest }
}

/** Parameters that may follow an objective's name. LightGBM writes huber's name alone; ours has its `alpha` too. */
const PARAMETERS: Partial<Record<Objective, readonly string[]>> = {
  binary: ['sigmoid'],
  quantile: ['alpha'],
  huber: ['alpha'],
  multiclass: ['num_class'],
  poisson: ['max_delta_step'],
}

function readTree(lines: Lines, columns: number): Tree {
  const fields = new Fields(lines)
  for (let line = lines.next(); line !== ''; line = lines.next()) {
    if (line === undefined) throw lines.invalid('a tree does not end')
    if (line === 'is_linear=1' || LINEAR_FIELDS.test(line))
      throw lines.invalid('it has linear trees, which gimbal does not', { field: 'is_linear' })
    fields.take(line, TREE_FIELDS)
  }
  if (lines.next() !== '') throw lines.invalid('a tree does not end with two empty lines')
  // Files of version v3 do not know linear trees.
  if (fields.has('is_linear')) fields.integer('is_linear', 0, 0)
  const leafCount = fields.integer('num_leaves', 1, INT_MAX)
  const setCount = fields.integer('num_cat', 0, INT_MAX)
  const nodes = leafCount - 1
  const categoryBounds = setCount === 0 ? [0] : fields.integers('cat_boundaries', setCount + 1, 0, INT_MAX)
  if (categoryBounds[0] !== 0 || categoryBounds.some((bound, set) => set > 0 && bound < categoryBounds[set - 1]!))
    throw fields.invalid('cat_boundaries', 'the bounds of sets of categories do not ascend from 0')
  const categoryWords = setCount === 0 ? [] : fields.integers('cat_threshold', categoryBounds[setCount]!, 0, 0xffffffff)
  const tree: Tree = {
    leafCount,
    feature: Int32Array.from(fields.integers('split_feature', nodes, 0, columns - 1)),
    // A split of known from missing figures has an infinite threshold.
    threshold: fields.numbers('threshold', nodes, INFINITE),
    decision: Uint8Array.from(fields.integers('decision_type', nodes, 0, 15)),
    left: Int32Array.from(fields.integers('left_child', nodes, -leafCount, nodes - 1)),
    right: Int32Array.from(fields.integers('right_child', nodes, -leafCount, nodes - 1)),
    gain: fields.numbers('split_gain', nodes),
    nodeValue: fields.numbers('internal_value', nodes),
    nodeWeight: fields.numbers('internal_weight', nodes),
    nodeCount: Int32Array.from(fields.integers('internal_count', nodes, 0, INT_MAX)),
    leafValue: fields.numbers('leaf_value', leafCount),
    // A tree of one leaf is written without its weight.
    leafWeight:
      leafCount === 1 && fields.text('leaf_weight') === ''
        ? new Float64Array(1)
        : fields.numbers('leaf_weight', leafCount),
    leafCounts: Int32Array.from(fields.integers('leaf_count', leafCount, 0, INT_MAX)),
    categoryBounds: Int32Array.from(categoryBounds),
    categoryWords: Uint32Array.from(categoryWords),
    shrinkage: fields.number('shrinkage'),
  }
  requireTree(tree, setCount, fields)
  return tree
}

/** Every node and every leaf hangs on the root exactly once, and every split asks something that has an answer. */
function requireTree({ leafCount, left, right, decision, threshold }: Tree, setCount: number, fields: Fields): void {
  const parents = new Uint8Array(2 * leafCount - 1)
  for (const [name, children] of [
    ['left_child', left],
    ['right_child', right],
  ] as const)
    for (const child of children) {
      const at = child < 0 ? leafCount - 1 + ~child : child
      if (child === 0 || parents[at]++ > 0) throw fields.invalid(name, 'a node or leaf hangs twice', { child })
    }
  // One parent each is not enough: nodes could form a ring apart from the root.
  const stack = leafCount > 1 ? [0] : []
  let met = 0
  for (let node = stack.pop(); node !== undefined; node = stack.pop()) {
    met++
    if (left[node]! >= 0) stack.push(left[node]!)
    if (right[node]! >= 0) stack.push(right[node]!)
  }
  if (met !== leafCount - 1)
    throw fields.invalid('left_child', 'nodes do not hang on the root', { apart: leafCount - 1 - met })
  for (let node = 0; node < leafCount - 1; node++) {
    if (decision[node]! >> 2 > Missing.NAN)
      throw fields.invalid('decision_type', 'a split treats missing values in no known way', { node })
    const set = threshold[node]!
    if (decision[node]! & 1 && !(Number.isInteger(set) && set >= 0 && set < setCount))
      throw fields.invalid('threshold', 'a split names a set of categories that is not there', { node, set })
  }
}

function readRemarks(
  lines: Lines,
  names: readonly string[],
): Pick<LightgbmRemarks, 'importances' | 'parameters' | 'trailer'> {
  if (lines.next() !== '' || lines.next() !== 'feature_importances:')
    throw lines.invalid('importances were expected here', { field: 'feature_importances' })
  const importances: [string, number][] = []
  const known = new Set(names)
  for (let line = lines.peek(); line !== undefined && line !== ''; line = lines.peek()) {
    lines.next()
    const equals = line.lastIndexOf('=')
    const name = line.slice(0, Math.max(0, equals))
    const figure = line.slice(equals + 1)
    if (!known.delete(name) || !/^\d{1,15}$/.test(figure))
      throw lines.invalid('a line is not the importance of a column', { field: 'feature_importances' })
    importances.push([name, Number(figure)])
  }
  let parameters: string[] | null = null
  if (lines.text.startsWith('\nparameters:\n', lines.offset)) {
    lines.next()
    lines.next()
    parameters = []
    let line = lines.next()
    for (; line !== undefined && line !== 'end of parameters'; line = lines.next()) parameters.push(line)
    if (line === undefined || parameters.pop() !== '')
      throw lines.invalid('the parameters do not end', { field: 'parameters' })
  }
  const trailer = lines.text.slice(lines.offset)
  if (!/^(\nparser:\n[\s\S]*\nend of parser\n)?(\npandas_categorical:.*\n)?$/.test(trailer)) {
    lines.next()
    throw lines.invalid('what follows is not known or is cut off', { field: 'parser' })
  }
  return { importances, parameters, trailer }
}

function treeText(tree: Tree): string {
  const { leafCount, feature, threshold, decision, left, right } = tree
  const setCount = Math.max(0, tree.categoryBounds.length - 1)
  const lines = [
    `num_leaves=${leafCount}`,
    `num_cat=${setCount}`,
    `split_feature=${feature.join(' ')}`,
    `split_gain=${joined(tree.gain, shortest)}`,
    `threshold=${joined(threshold, exact)}`,
    `decision_type=${decision.join(' ')}`,
    `left_child=${left.join(' ')}`,
    `right_child=${right.join(' ')}`,
    `leaf_value=${joined(tree.leafValue, exact)}`,
    `leaf_weight=${leafCount === 1 && !tree.leafWeight[0] ? '' : joined(tree.leafWeight, exact)}`,
    `leaf_count=${tree.leafCounts.join(' ')}`,
    `internal_value=${joined(tree.nodeValue, shortest)}`,
    `internal_weight=${joined(tree.nodeWeight, shortest)}`,
    `internal_count=${tree.nodeCount.join(' ')}`,
    ...(setCount > 0
      ? [`cat_boundaries=${tree.categoryBounds.join(' ')}`, `cat_threshold=${tree.categoryWords.join(' ')}`]
      : []),
    'is_linear=0',
    `shrinkage=${shortest(tree.shrinkage)}`,
  ]
  return `${lines.join('\n')}\n`
}

/** Columns by how often they are split on, most often first, as LightGBM lists them. */
function ranked(ensemble: TreeEnsemble): [string, number][] {
  const counts = splitImportance(ensemble)
  return ensemble.names
    .map((name, column): [string, number] => [name, counts[column]!])
    .filter(([, count]) => count > 0)
    .sort(([, a], [, b]) => b - a)
}

function joined(values: Float64Array, format: (value: number) => string): string {
  return Array.from(values, format).join(' ')
}

/** As C prints `%.17g`: enough digits for every double. */
function exact(value: number): string {
  if (Object.is(value, -0)) return '-0'
  if (!Number.isFinite(value)) return value > 0 ? 'inf' : '-inf'
  const [mantissa = '', power] = value.toExponential(17).split('e')
  // Exactly between two: C takes the even digit, JavaScript the greater.
  if (mantissa.endsWith('5') && /^-?\d\.\d{16}50*$/.test(value.toExponential(60).split('e')[0]!)) {
    const cut = mantissa.slice(0, -1)
    if (Number(cut.at(-1)) % 2 === 0) return general(`${cut}e${power}`, 17)
  }
  return general(value.toExponential(16), 17)
}

/** As C prints `%g` with just enough digits to read the same double again, and at least six to choose the notation by. */
function shortest(value: number): string {
  if (Object.is(value, -0)) return '-0'
  const text = value.toExponential()
  return general(text, Math.max(6, text.indexOf('e') - (value < 0 ? 2 : 1)))
}

/** C's choice between plain and scientific notation, from digits in scientific notation; zeros at the end are left out. */
function general(scientific: string, precision: number): string {
  const [mantissa = '', power = ''] = scientific.split('e')
  const sign = mantissa.startsWith('-') ? '-' : ''
  const digits = mantissa.replace(/[-.]/g, '').replace(/0+$/, '') || '0'
  const exponent = Number(power)
  if (exponent < -4 || exponent >= precision) {
    const rest = digits.length > 1 ? `.${digits.slice(1)}` : ''
    return `${sign}${digits[0]}${rest}e${exponent < 0 ? '-' : '+'}${String(Math.abs(exponent)).padStart(2, '0')}`
  }
  if (exponent < 0) return `${sign}0.${'0'.repeat(-exponent - 1)}${digits}`
  const whole = digits.slice(0, exponent + 1).padEnd(exponent + 1, '0')
  const rest = digits.slice(exponent + 1)
  return `${sign}${whole}${rest === '' ? '' : `.${rest}`}`
}
