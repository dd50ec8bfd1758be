// Derived from dse/report/shapes.py, which documents it: python -m dse.report.declarations

export interface Coded {
  values: (boolean | number | string | string[] | null)[];
  index: number[];
}

export interface Commands {
  head: string;
  traces: Record<string, string>;
  settings: Record<string, string[]>;
  tail: string;
}

export interface DesignTab {
  key: string;
  title: string;
  says: string;
  model: string;
  facts: TermValue[];
  parameters: Record<string, boolean | number | string | string[] | null>;
  energy: Part[];
  area: Part[];
  cycles: number;
  busy_cycles: number;
  stalls: Record<string, number>;
  step_cycles: number[];
  roofline: RooflineRecord | null;
  command: string;
  clock: string;
  hardware: HardwareTab | null;
}

export interface Goal {
  name: string;
  title: string;
  unit: string;
  minimize: boolean;
  log: boolean;
}

export interface HardwareTab {
  command: string;
  reason: string;
}

export interface NetworkTab {
  key: string;
  label: string;
  weight_format: string;
  weight_kib: number | null;
  threshold: number | null;
  as_trained: boolean;
  state_sparsity: number;
  metric: string;
  unit: string;
  validation: number | null;
  test: number | null;
  states: StateDetail[];
  weights: WeightHistogram[];
}

export interface Note {
  text: string;
  warning: boolean;
}

export interface Others {
  trial: number[];
  left_out: number;
  facts: TermColumn[];
  energy: PartColumn[];
  area: PartColumn[];
  cycles: number[];
  busy_cycles: number[];
  stalls: Record<string, number[]>;
  roofline: Record<string, (number | null)[]>;
  bound: Coded;
  clock: Coded;
}

export interface Page {
  title: string;
  goals: Goal[];
  searches: SearchTab[];
  designs: DesignTab[];
  networks: NetworkTab[];
  papers: PageTable;
  comparisons: SamplersTab[];
  checks: PublishedCheck[];
  timelines: TimelineTab[];
  texts: string[];
  states: string[];
}

export interface PageColumn {
  title: string;
  unit: string;
  words: boolean;
}

export interface PageTable {
  columns: PageColumn[];
  rows: ((boolean | number | string | null)[])[];
}

export interface Part {
  name: string;
  value: number;
  low: number;
  high: number;
  status: string;
  source: number;
}

export interface PartColumn {
  name: string;
  value: (number | null)[];
  low: (number | null)[] | null;
  high: (number | null)[] | null;
  status: Coded;
  source: Coded;
}

export interface PublishedCheck {
  chip: string;
  figure: string;
  unit: string;
  published: number;
  ours: number;
  error_pct: number;
  left_out_pct: number | null;
  tolerance_pct: number | null;
  kind: string;
  sure: string;
  gates: boolean;
  note: string;
}

export interface RooflineRecord {
  macs_per_dram_bit: number | null;
  ceiling_pes_gops: number;
  ceiling_lanes_gops: number;
  ceiling_bus_gops: number | null;
  ceiling_dram_gops: number | null;
  ceiling_accesses_gops: number | null;
  achieved_gops: number;
  bound: string;
  share: number;
}

export interface SamplerLine {
  sampler: string;
  trials: number[];
  mean: number[];
  least: number[];
  most: number[];
}

export interface SamplersTab {
  name: string;
  says: string;
  curves: SamplerLine[];
  table: PageTable;
}

export interface SearchTab {
  name: string;
  title: string;
  introduction: string;
  tiles: Tile[];
  objectives: string[];
  limits: Record<string, number>;
  base: Record<string, boolean | number | string | string[] | null>;
  parameters: string[];
  variants: Record<string, Record<string, Record<string, boolean | number | string | string[] | null>>>;
  trials: Trials;
  others: Others;
  commands: Commands;
  published: Trials;
  first: string | null;
  course: number[];
  reference: string;
  quality: string;
  importances: PageTable;
  pace: [number, number][];
  failures: PageTable;
  notes: Note[];
  footer: string;
}

export interface StateDetail {
  operand: string;
  per_unit: number[];
  per_step: number[];
  union: Record<string, number>;
}

export interface TermColumn {
  term: string;
  unit: string;
  values: Coded;
}

export interface TermValue {
  term: string;
  value: boolean | number | string | null;
  unit: string;
}

export interface Tile {
  value: string;
  label: string;
}

export interface TimelineTab {
  key: string;
  title: string;
  clock_mhz: number;
  first_step: number;
  last_step: number;
  origin: number;
  components: string[];
  states: string[];
  component: number[];
  state: number[];
  begin: number[];
  cycles: number[];
  step: number[];
  block: number[];
}

export interface Trials {
  trial: number[];
  numbers: Record<string, (number | null)[]>;
  coded: Record<string, Coded>;
}

export interface WeightHistogram {
  matrix: string;
  value: number[];
  share: number[];
}
