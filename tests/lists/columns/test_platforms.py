"""Exports of platforms and tools: which accounts are in them, or what to ask for."""

from __future__ import annotations

import pytest

from app.cohort.account_values import parse_timestamp
from app.errors import NoAvatars
from tests.lists.open_list import open_bytes, read_fixture

CREATED = {parse_timestamp("2020-01-06T10:00:00Z"), parse_timestamp("2020-01-06")}
IDS = ["900000000000000001", "900000000000000002"]
NAMES = ["ada_example", "ben_example"]
DIDS = [f"did:plc:{letter * 24}" for letter in "bc"]
X_AVATARS = [f"https://pbs.twimg.com/profile_images/90{n}/a{n}_400x400.jpg" for n in (0, 1)]
AVATARS = [f"https://img.example/avatar/{n}.jpg" for n in (0, 1)]
GITHUB_IDS = ["90000001", "90000002"]

EXPORTS = {
    "x/v2_search_page.json": ("x_v2", IDS, X_AVATARS),
    "x/graphql_followers.json": ("json", IDS, X_AVATARS),
    "x/posts_v1.jsonl": ("x_v1", IDS, AVATARS),
    "x/twarc_posts.csv": ("csv", IDS, AVATARS),
    "x/twscrape_users.jsonl": ("ndjson", IDS, AVATARS),
    "x/snscrape_posts.jsonl": ("ndjson", IDS, AVATARS),
    "x/rtweet_posts.csv": ("csv", [f"x{each}" for each in IDS], AVATARS),
    "instagram/apify_posts.json": ("json", IDS, AVATARS),
    "instagram/phantombuster_followers.csv": ("csv", IDS, AVATARS),
    "instagram/instaloader_nodes.jsonl": ("instagram", IDS, AVATARS),
    "instagram/instagrapi_followers.json": ("instagram", IDS, AVATARS),
    "instagram/graphql_followers.json": ("instagram", IDS, AVATARS),
    "others/4cat_posts.csv": ("csv", NAMES, AVATARS),
    "fediverse/mastodon_admin_accounts.json": ("mastodon", IDS, AVATARS),
    "fediverse/misskey_followers.json": ("json", [f"9{name}" for name in NAMES], None),
    "fediverse/bluesky_followers.json": ("bluesky", DIDS, AVATARS),
    "fediverse/bluesky_likes.json": ("bluesky", DIDS, AVATARS),
    "github/search.json": ("github", GITHUB_IDS, None),
    "github/graphql_followers.json": ("github", GITHUB_IDS, AVATARS),
    "others/youtube_subscribers.json": ("json", ["UC0", "UC1"], AVATARS),
    "others/tiktok_followers.json": ("json", IDS, AVATARS),
    "others/vk_members.json": ("json", ["1", "2"], AVATARS),
    "others/discord_exporter.json": ("json", IDS, AVATARS),
}
REFUSED = {
    "others/vk_members_without_photos.json": "photo_max_orig",
    "others/telegram_members.json": "download_profile_photo",
    "others/discord_members.json": "cdn.discordapp.com/avatars",
    "x_archive_follower.js": "profile_image_url",
    "instagram_export.json": "profile_pic_url",
}


@pytest.mark.parametrize("name", EXPORTS)
def test_the_accounts_of_an_export(name: str) -> None:
    format_name, ids, urls = EXPORTS[name]
    follower_list = open_bytes(read_fixture(name))
    items = list(follower_list)
    assert follower_list.format == format_name
    assert [item.custom_id for item in items] == ids
    assert [item.failure for item in items] == [None, None]
    assert urls is None or [item.url for item in items] == urls
    for item in items:
        created = item.account.get("created_at")
        assert created is None or parse_timestamp(created) in CREATED
        assert item.account.get("followers_count", "12") in ("12", "1200")


@pytest.mark.parametrize("name", REFUSED)
def test_an_export_without_pictures_is_refused_with_what_to_ask_for(name: str) -> None:
    with pytest.raises(NoAvatars) as caught:
        open_bytes(read_fixture(name))
    assert REFUSED[name] in caught.value.detail


def test_e_mail_and_ip_of_mastodon_are_not_kept() -> None:
    follower_list = open_bytes(read_fixture("fediverse/mastodon_admin_accounts.json"))
    kept = [cell for item in follower_list for cell in item.cells]
    assert not any("@" in cell or "192.0.2" in cell for cell in kept)
    assert any("`email`, `ip`, `ips`" in note for note in follower_list.notes)
