// Links to other sites. They are plain links: nothing is asked of those sites before one is opened.

const SEARCHES = [
  ["Google Lens", "https://lens.google.com/uploadbyurl?url="],
  ["TinEye", "https://tineye.com/search?url="],
  ["Yandex", "https://yandex.com/images/search?rpt=imageview&url="],
  ["Bing", "https://www.bing.com/images/search?view=detailv2&iss=sbi&q=imgurl:"],
];
/** Whose avatars lie on which host, and where that account's page is. */
const PROFILES = [
  [/(^|\.)twimg\.com$/, "https://x.com/", "username"],
  [/(^|\.)githubusercontent\.com$/, "https://github.com/", "username"],
  [/(^|\.)bsky\.app$/, "https://bsky.app/profile/", "username"],
  [/(^|\.)cdninstagram\.com$/, "https://www.instagram.com/", "username"],
  [/(^|\.)tiktokcdn/, "https://www.tiktok.com/@", "username"],
];

/** Searches for the picture by its address; none for a file. */
export function searchLinks(source) {
  if (!/^https?:\/\//i.test(source)) return [];
  return SEARCHES.map(([text, prefix]) => ({ text, href: prefix + encodeURIComponent(source) }));
}

/** The account's page, where the avatar's host says whose it is; nothing otherwise. */
export function profileLink(tile) {
  const name = (tile.account.username ?? "").replace(/^@/, "");
  const host = URL.canParse(tile.source) ? new URL(tile.source).hostname : "";
  const [domain, server] = name.split("@");
  if (server) return { text: `@${name}`, href: `https://${encodeURIComponent(server)}/@${encodeURIComponent(domain)}` };
  const profile = PROFILES.find(([pattern]) => pattern.test(host));
  return name && profile ? { text: `@${name}`, href: profile[1] + encodeURIComponent(name) } : null;
}
