/**
 * Goal: a scenario says what its author meant, or is refused by the word that was not understood.
 * Method: named sentences, one property (text and back is the same scenario), and the levels of moments worked by hand.
 */

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { HOUR_US, MINUTE_US } from '../../core/clock.ts'
import { checkScenario, levelsAt, type Shock, slotOf, Timeline } from './scenario.ts'
import { parseScenario, scenarioText } from './scenarioText.ts'

describe('the short form', () => {
  test('one line states a whole market', () => {
    const { steps } = parseScenario(
      'spot BTC -30%, vol +20, funding BTC x3, depth x0.1, spread x5, gas 400, depeg USDC 0.9, venue deribit down 6h, ' +
        'haircut stETH 0.2, oracle frozen 30m, bridge stuck, correlation BTC 1 ETH 1.3',
    )
    expect(steps).toEqual([
      {
        atUs: 0,
        shocks: [
          { shock: 'spot', asset: 'BTC', factor: 0.7 },
          { shock: 'volatility', asset: '*', factor: 1, add: 0.2 },
          { shock: 'funding', asset: 'BTC', venue: '*', mode: 'factor', value: 3 },
          { shock: 'depth', asset: '*', venue: '*', factor: 0.1 },
          { shock: 'spread', asset: '*', venue: '*', factor: 5 },
          { shock: 'gas', venue: '*', mode: 'dollars', value: 400 },
          { shock: 'depeg', currency: 'USDC', price: 0.9 },
          { shock: 'venue', venue: 'deribit', state: 'down', forUs: 6 * HOUR_US },
          { shock: 'haircut', asset: 'stETH', haircut: 0.2 },
          { shock: 'oracle', venue: '*', mode: 'frozen', us: 30 * MINUTE_US },
          { shock: 'bridge', venue: '*' },
          { shock: 'correlation', given: 'BTC', to: 1, ratios: { ETH: 1.3 } },
        ],
      },
    ])
  })

  test('steps have times, and the first may say how the scenario runs', () => {
    const scenario = parseScenario(
      'every 5m, hold 1h, sticky moneyness; at 30m: spot * -10%; at 2h: spot * -35%, gas 400gwei',
    )
    expect(scenario).toMatchObject({ everyUs: 5 * MINUTE_US, holdUs: HOUR_US, sticky: 'moneyness' })
    expect(scenario.steps.map(({ atUs }) => atUs / MINUTE_US)).toEqual([30, 120])
  })

  const refused: [text: string, word: string][] = [
    ['spot BTC 30', '30'],
    ['spot BTC -30%, wobble 3', 'wobble'],
    ['spot', '(nothing)'],
    ['spot BTC -30% now', 'now'],
    ['vol BTC much', 'much'],
    ['venue deribit sleeping', 'sleeping'],
    ['venue deribit down 6x', '6x'],
    ['funding BTC@ x3', 'BTC@'],
    ['depth 0.1', '0.1'],
    ['gas lots', 'lots'],
    ['oracle aave late 3m', 'late'],
    ['spot BTC -30%; spot BTC -40%', 'spot'],
    ['at noon: spot BTC -30%', 'noon'],
    ['', '(nothing)'],
    ['spot BTC -5%,, vol +3', '(nothing)'],
    ['every 5m', 'every 5m'],
    ['sticky gum; at 1h: vol +3', 'gum'],
  ]
  test.each(refused)('"%s" is refused by its word "%s"', (text, word) => {
    const named = text === '' || text.includes(',,') ? expect.anything() : word
    expect(() => parseScenario(text)).toThrow(
      expect.objectContaining({ code: 'config-invalid', facts: expect.objectContaining({ word: named }) }),
    )
  })

  const impossible = [
    'spot BTC -100%',
    'depeg BTC 0.9',
    'haircut ETH 1.2',
    'spot BTC -5%, spot BTC -6%',
    'depth x0',
    'correlation BTC 2',
  ]
  test.each(impossible)('"%s" is understood and makes no sense', (text) => {
    expect(() => parseScenario(text)).toThrow(
      expect.objectContaining({
        code: 'config-invalid',
        facts: expect.objectContaining({ expected: expect.any(String) }),
      }),
    )
  })

  test('any scenario read back from its short form is the same', () => {
    const asset = fc.constantFrom('BTC', 'ETH', 'stETH', '*')
    const venue = fc.constantFrom('deribit', 'hyperliquid', 'aave', '*')
    const factor = fc.double({ min: 1e-6, max: 1e6, noNaN: true })
    const add = fc.double({ min: -0.99, max: 3, noNaN: true })
    const forUs = fc.option(fc.integer({ min: 1, max: 2 ** 45 }), { nil: undefined })
    const optional = <T extends object>(shock: T, us: number | undefined) =>
      us === undefined ? shock : { ...shock, forUs: us }
    const shock: fc.Arbitrary<Shock> = fc.oneof(
      fc.record({ shock: fc.constant('spot' as const), asset, factor }),
      fc.record({ shock: fc.constant('volatility' as const), asset, factor, add }),
      fc.record({ shock: fc.constantFrom('skew' as const, 'term' as const), asset, add }),
      fc.record({ shock: fc.constant('basis' as const), asset, venue, add }),
      fc.record({
        shock: fc.constant('funding' as const),
        asset,
        venue,
        mode: fc.constant('factor' as const),
        value: factor,
      }),
      fc.record({
        shock: fc.constant('funding' as const),
        asset,
        venue,
        mode: fc.constant('per-day' as const),
        value: add,
      }),
      fc.record({ shock: fc.constantFrom('depth' as const, 'spread' as const), asset, venue, factor }),
      fc.record({
        shock: fc.constant('gas' as const),
        venue,
        mode: fc.constantFrom('factor' as const, 'dollars' as const, 'gwei' as const),
        value: factor,
      }),
      fc.record({ shock: fc.constant('depeg' as const), currency: fc.constantFrom('USDC', 'DAI'), price: factor }),
      fc.record({ shock: fc.constant('haircut' as const), asset, haircut: fc.double({ min: 0, max: 1, noNaN: true }) }),
      fc
        .tuple(venue, fc.constantFrom('down' as const, 'unreachable' as const), forUs)
        .map(([name, state, us]) => optional({ shock: 'venue' as const, venue: name, state }, us)),
      fc.tuple(venue, forUs).map(([name, us]) => optional({ shock: 'bridge' as const, venue: name }, us)),
      fc.record({
        shock: fc.constant('oracle' as const),
        venue,
        mode: fc.constantFrom('frozen' as const, 'lag' as const),
        us: fc.integer({ min: 1, max: 2 ** 45 }),
      }),
      fc.record({
        shock: fc.constant('correlation' as const),
        given: fc.constantFrom('BTC', 'ETH'),
        to: fc.double({ min: -1, max: 1, noNaN: true }),
        ratios: fc.dictionary(fc.constantFrom('SOL', 'ETH'), factor),
      }),
    )
    const shocks = fc.uniqueArray(shock, { selector: slotOf, minLength: 1, maxLength: 6 })
    fc.assert(
      fc.property(
        fc.array(shocks, { minLength: 1, maxLength: 3 }),
        fc.boolean(),
        fc.integer({ min: 0, max: 3 }),
        (list, late, hold) => {
          const steps = list.map((each, index) => ({ atUs: (index + Number(late)) * 90_000_001, shocks: each }))
          const scenario = checkScenario({ name: 'any', sticky: 'moneyness', holdUs: hold * 1_000_000, steps })
          const back = parseScenario(scenarioText(scenario), 'any')
          // −0 and 0 are one level.
          expect(JSON.parse(JSON.stringify(back))).toEqual(JSON.parse(JSON.stringify(scenario)))
        },
      ),
      { numRuns: 300 },
    )
  })
})

describe('JSON', () => {
  const good = { name: 'a', steps: [{ atUs: 0, shocks: [{ shock: 'spot', asset: 'BTC', factor: 0.9 }] }] }
  const bad: [at: string, value: unknown][] = [
    ['scenario', 7],
    ['scenario', { ...good, colour: 'red' }],
    ['scenario.name', { ...good, name: '' }],
    ['scenario.steps', { ...good, steps: [] }],
    ['scenario.steps[0].atUs', { ...good, steps: [{ atUs: -1, shocks: [] }] }],
    ['scenario.steps[1].atUs', { ...good, steps: [good.steps[0], good.steps[0]] }],
    ['scenario.steps[0].shocks[0].shock', { ...good, steps: [{ atUs: 0, shocks: [{ shock: 'rain' }] }] }],
    [
      'scenario.steps[0].shocks[0].factor',
      { ...good, steps: [{ atUs: 0, shocks: [{ shock: 'spot', asset: 'BTC', factor: NaN }] }] },
    ],
    [
      'scenario.steps[0].shocks[0]',
      { ...good, steps: [{ atUs: 0, shocks: [{ shock: 'spot', asset: 'BTC', factor: 1, x: 1 }] }] },
    ],
    ['scenario.everyUs', { ...good, everyUs: 1, holdUs: 1e12 }],
  ]
  test.each(bad)('what is wrong at %s is named', (at, value) => {
    expect(() => checkScenario(value)).toThrow(
      expect.objectContaining({ code: 'config-invalid', facts: expect.objectContaining({ at }) }),
    )
  })
})

describe('laid out in time', () => {
  test('prices move evenly in their logarithm, volatility in points, and stay after the last step', () => {
    const scenario = parseScenario('every 30m, hold 30m; at 1h: spot BTC x0.25, vol +40')
    const levels = (minutes: number) => Object.fromEntries(levelsAt(scenario, minutes * MINUTE_US))
    expect(levels(30)['spot BTC']).toMatchObject({ factor: 0.5 })
    expect(levels(30)['volatility *']).toMatchObject({ add: 0.2 })
    expect(levels(60)['spot BTC']).toMatchObject({ factor: 0.25 })
    expect(levels(90)['spot BTC']).toMatchObject({ factor: 0.25 })
    expect(new Timeline(scenario).moments.map(({ atUs }) => atUs / MINUTE_US)).toEqual([0, 30, 60, 90])
  })

  test('without moments in between the market jumps', () => {
    const scenario = parseScenario('at 1h: spot BTC -50%')
    expect(levelsAt(scenario, HOUR_US - 1).size).toBe(0)
    expect(levelsAt(scenario, HOUR_US).size).toBe(1)
  })

  test('a venue is down for its time and no longer', () => {
    const timeline = new Timeline(parseScenario('every 1h, hold 4h; at 1h: venue deribit down 2h, bridge aave stuck'))
    expect(timeline.moments.map((_, index) => timeline.venueState('deribit', index))).toEqual([
      'up',
      'down',
      'down',
      'up',
      'up',
      'up',
    ])
    expect(timeline.venueState('hyperliquid', 1)).toBe('up')
    expect(timeline.moments.map((_, index) => timeline.bridgeStuck('aave', index))).toEqual([
      false,
      true,
      true,
      true,
      true,
      true,
    ])
  })

  test('a frozen oracle shows what was true before it froze, a late one what was true then', () => {
    const frozen = new Timeline(parseScenario('every 1h, hold 3h; at 1h: oracle aave frozen 2h'))
    expect(frozen.moments.map((_, index) => frozen.oracleMoment('aave', index))).toEqual([0, 0, 0, 3, 4])
    expect(frozen.oracleMoment('deribit', 2)).toBe(2)
    const late = new Timeline(parseScenario('every 1h, hold 3h, oracle lag 2h'))
    expect(late.moments.map((_, index) => late.oracleMoment('aave', index))).toEqual([-1, -1, 0, 1])
  })
})
