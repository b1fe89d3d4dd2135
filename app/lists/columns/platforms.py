"""What is known of platforms and tools: whose accounts these are, and what to ask for instead."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

LIST_KEYS: Final = (
    "items",
    "data",
    "followers",
    "follows",
    "following",
    "users",
    "accounts",
    "profiles",
    "members",
    "friends",
    "likes",
    "nodes",
    "edges",
    "entries",
    "results",
    "userList",
    "subscribers",
    "response",
)
"""Names under which a page keeps its accounts, the likeliest first."""

NEVER_ACCOUNTS: Final = frozenset(
    {"errors", "error", "warnings", "media", "places", "polls", "string_list_data"}
)
"""Arrays that hold something else, whatever their elements look like."""

_PLATFORM_MEMBERS: Final = (
    ("x_archive", {"follower.accountId"}),
    ("x_archive", {"following.accountId"}),
    ("instagram_export", {"string_list_data"}),
    ("x_v1", {"profile_image_url_https", "screen_name"}),
    ("x_v1", {"user.profile_image_url_https", "user.screen_name"}),
    ("x_v1", {"legacy.profile_image_url_https"}),
    ("x_v2", {"profile_image_url", "username"}),
    ("mastodon", {"acct", "avatar"}),
    ("mastodon", {"account.acct", "account.avatar"}),
    ("bluesky", {"did", "handle"}),
    ("bluesky", {"actor.did", "actor.handle"}),
    ("bluesky", {"subject.did", "subject.handle"}),
    ("github", {"login", "avatar_url"}),
    ("github", {"login", "avatarUrl"}),
    ("instagram", {"profile_pic_url"}),
    ("instagram", {"profile_pic_url_hd"}),
    ("instagram", {"node.profile_pic_url"}),
)


def detect_platform(sample: Sequence[Collection[str]]) -> str | None:
    """The platform whose accounts these are, by members that all of its accounts have."""
    for name, members in _PLATFORM_MEMBERS:
        if sample and all(all(member in each for member in members) for each in sample):
            return name
    return None


_HOW_TO_ASK: Final = (
    (
        {"follower.accountId"},
        "An X archive names accounts by number and holds no pictures. Look the accounts up, and "
        "send a CSV with the columns `id` and `profile_image_url` (or JSON of the X API) instead.",
    ),
    (
        {"string_list_data"},
        "An Instagram export names accounts and holds no pictures. Look the accounts up, and send "
        "a CSV with the columns `username` and `profile_pic_url` instead.",
    ),
    (
        {"author_id", "text"},
        "ask the X API for the accounts with `expansions=author_id` and "
        "`user.fields=profile_image_url,created_at,public_metrics`.",
    ),
    (
        {"username", "name", "id"},
        "ask the X API for `user.fields=profile_image_url,created_at,public_metrics`, or add the "
        "avatar's URL to each account as `avatar_url`.",
    ),
    (
        {"discriminator", "avatar"},
        "Discord gives a hash in place of a URL; build the URL: jq -c '.[] | (.user // .) | "
        '{custom_id: .id, username, url: "https://cdn.discordapp.com/avatars/\\(.id)/\\(.avatar)'
        ".png?size=512\"}' members.json",
    ),
    (
        {"did"},
        "ask Bluesky for the profiles (`app.bsky.graph.getFollowers`, `app.bsky.actor.getProfiles`"
        "), whose `avatar` is the URL.",
    ),
    (
        {"first_name", "last_name", "can_access_closed"},
        "ask the VK API for `fields=photo_max_orig,screen_name,counters`.",
    ),
    (
        {"access_hash", "first_name"},
        "Telegram gives no URLs of profile photos; download them (Telethon: "
        "`download_profile_photo`) and send a zip of the pictures with a CSV that names each "
        "account's file in a column `file`.",
    ),
    (
        {"Account address"},
        "Mastodon's CSV export holds no pictures; ask its API "
        "(`/api/v1/accounts/:id/followers`), whose `avatar_static` is the URL.",
    ),
    ({"login"}, "ask GitHub for `avatar_url` (in GraphQL `avatarUrl`) of each account."),
    (
        {"snippet.resourceId.channelId"},
        "ask the YouTube API for `part=snippet,subscriberSnippet`, whose thumbnails are the URLs.",
    ),
)


def how_to_ask(names: Collection[str]) -> str:
    """What to ask the platform for, known by a row's ``names``; empty for none that is known."""
    known = {*names, *(name.rpartition(".")[2] for name in names)}
    return next((advice for members, advice in _HOW_TO_ASK if members <= known), "")
