/** @file What we promise to outsiders about importers: the list, and how to find one. */

export { IMPORTERS, importerNamed, recogniseImporter } from './registry.ts'
