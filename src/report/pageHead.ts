/** @file What every page begins with: one file, no network, nothing it was not made with. */

import { escaped } from './figures.ts'

/**
 * A page down to the start of its body.
 *
 * @param title Text. @param style CSS of the page. @param scripted Whether the page brings a script of its own.
 */
export function pageHead(title: string, gimbalVersion: string, style: string, scripted: boolean): string {
  const scripts = scripted ? " script-src 'unsafe-inline';" : ''
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="generator" content="gimbal ${escaped(gimbalVersion)}">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline';${scripts} img-src data:">
<title>${escaped(title)}</title>
<style>${style}</style>
</head>
<body>
`
}
