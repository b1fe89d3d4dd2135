# ruff: noqa: E501 - a kind a line
"""Lists as people really have them, one of each kind, and how each is to be read."""

from __future__ import annotations

import io
import json
import unicodedata
import zipfile
from dataclasses import dataclass, field
from typing import Any

from tests.lists.open_list import JPEG

BASE = "http://127.0.0.1:18498"
OLD = "2011-01-06T10:00:00.000Z"
NEW = "2022-03-05T10:01:00.000Z"


@dataclass(frozen=True)
class Kind:
    """``items``: the id and the end of the source of each; ``account``: of the first.

    ``notes``: words that some note holds.
    """

    name: str
    data: bytes
    items: list[tuple[str | None, str]]
    account: dict[str, str] = field(default_factory=dict)
    notes: str = "Columns"
    media_type: str = "text/csv"


def pic(name: object) -> str:
    return f"{BASE}/{name}.jpg"


def as_json(value: Any) -> bytes:
    return json.dumps(value).encode()


def build_zip(files: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return file.getvalue()


TWO = [("901", "/1.jpg"), ("902", "/2.jpg")]
TABLE = f"id,username,avatar_url\n901,ada,{pic(1)}\n902,ben,{pic(2)}\n"
USERS = [
    {"id": f"90{n}", "username": f"user{n}", "created_at": OLD, "profile_image_url": pic(n)}
    for n in (1, 2)
]
POSTS = [{"id": f"150{n}", "author_id": f"90{n}", "text": "x", "created_at": NEW} for n in (1, 2)]
DIDS = [f"did:plc:{letter * 24}" for letter in "bc"]
ACTORS = [
    {"did": did, "handle": f"{did[-1]}.example.org", "avatar": pic(did[-1]), "createdAt": OLD}
    for did in DIDS
]
DID_ITEMS: list[tuple[str | None, str]] = [(DIDS[0], "/b.jpg"), (DIDS[1], "/c.jpg")]
JSON_KINDS = [
    Kind("keyed by name", as_json({f"u{n}": {"id": f"90{n}", "avatar_url": pic(n)} for n in (1, 2)}), [*TWO]),
    Kind("keyed without ids", as_json({f"u{n}": {"avatar_url": pic(n)} for n in (1, 2)}), [("u1", "/1.jpg"), ("u2", "/2.jpg")]),
    Kind("name to URL", as_json({f"u{n}": pic(n) for n in (1, 2)}), [("u1", "/1.jpg"), ("u2", "/2.jpg")]),
    Kind("pandas index", as_json({str(n): {"id": f"90{n + 1}", "profile_image_url": pic(n + 1)} for n in (0, 1)}), [*TWO]),
    Kind("pandas columns", as_json({"id": {"0": "901", "1": "902"}, "avatar": {"0": pic(1), "1": pic(2)}}), [*TWO]),
    Kind("pandas split", as_json({"columns": ["id", "avatar"], "index": [0, 1], "data": [["901", pic(1)], ["902", pic(2)]]}), [*TWO]),
    Kind("pandas values", as_json([["901", pic(1)], ["902", pic(2)]]), [*TWO]),
    Kind("two lists", as_json({"followers": USERS, "following": [{**USERS[0], "id": "7"}]}), [*TWO], notes="`following` (1)"),
    Kind("X v2 page", as_json({"data": POSTS, "includes": {"users": USERS}, "errors": [{"id": "9", "profile_image_url": pic(9)}]}), [*TWO], {"created_at": OLD}),
    Kind("X v1 posts", b"\n".join(as_json({"id_str": f"150{n}", "created_at": NEW, "full_text": "x", "user": {"id_str": f"90{n}", "screen_name": f"user{n}", "created_at": OLD, "profile_image_url_https": pic(n)}}) for n in (1, 2)), [*TWO], {"created_at": OLD, "username": "user1"}),
    Kind("likes", as_json({"likes": [{"createdAt": NEW, "actor": actor} for actor in ACTORS]}), DID_ITEMS, {"created_at": OLD, "username": "b.example.org"}),
    Kind("items beside a list", as_json({"cursor": "x", "list": {"name": "l"}, "items": [{"uri": "y", "subject": actor} for actor in ACTORS]}), DID_ITEMS),
    Kind("items beside a count", as_json({"total_count": 2, "items": [{"login": f"u{n}", "id": 900 + n, "avatar_url": pic(n)} for n in (1, 2)]}), [*TWO]),
    Kind("YouTube", as_json({"kind": "x", "pageInfo": {"totalResults": 2}, "items": [{"id": f"s{n}", "subscriberSnippet": {"title": "T", "channelId": f"90{n}", "thumbnails": {"default": {"url": pic(n)}}}} for n in (1, 2)]}), [*TWO], {"display_name": "T"}),
    Kind("GraphQL nodes", as_json({"data": {"user": {"followers": {"nodes": [{"login": "u", "databaseId": 900 + n, "avatarUrl": pic(n)} for n in (1, 2)]}}}}), [*TWO]),
    Kind("GraphQL edges", as_json({"data": {"user": {"edge_followed_by": {"count": 2, "edges": [{"node": {"id": f"90{n}", "username": "u", "profile_pic_url": pic(n)}} for n in (1, 2)]}}}}), [*TWO]),
    Kind("sizes", as_json({"userList": [{"user": {"id": f"90{n}", "uniqueId": "u", "avatarThumb": pic("small"), "avatarLarger": pic(n), "createTime": 1578304800}, "stats": {"followerCount": 12}} for n in (1, 2)]}), [*TWO], {"username": "u", "created_at": "1578304800", "followers_count": "12"}),
    Kind("no ids", as_json([{"username": f"user{n}", "profile_pic_url": pic(n)} for n in (1, 2)]), [("user1", "/1.jpg"), ("user2", "/2.jpg")]),
    Kind("an object a line", b"[" + b",\n".join(map(as_json, USERS)) + b"\n]\n", [*TWO]),
    Kind("NaN", f'[{{"id":"901","avatar":"{pic(1)}","age":NaN,"t":"NaN"}},{{"id":"902","avatar":"{pic(2)}"}}]'.encode(), [*TWO], notes="read as null"),
    Kind("personal data", as_json([{**user, "email": "a@b.example", "last_ip": "192.0.2.1"} for user in USERS]), [*TWO], notes="`email`, `last_ip`"),
]  # fmt: skip
CSV_KINDS = [
    Kind("late avatars", "\n".join(["id,username,url,avatar", *(f"{n},u,{BASE}/@u," for n in range(105)), f"901,u,{BASE}/@u,{pic(1)}"]).encode(), [*((str(n), "") for n in range(105)), ("901", "/1.jpg")], notes="`url`"),
    Kind("cover first", f"cover/url,user/id,user/username,user/profile_pic_url,user/follower_count\n{pic('c')},901,u,{pic(1)},12\n{pic('c')},902,u,{pic(2)},12\n".encode(), [*TWO], {"username": "u", "followers_count": "12"}, notes="`cover/url`"),
    Kind("media first", f"id,images,author,author_id,author_avatar_url\n150,{pic('m')},ada,901,{pic(1)}\n151,{pic('m')},ben,902,{pic(2)}\n".encode(), [*TWO], {"username": "ada"}),
    Kind("posts of twarc", f"id,author_id,created_at,text,author.id,author.created_at,author.profile_image_url\n150,901,{NEW},x,901,{OLD},{pic(1)}\n151,902,{NEW},x,902,{OLD},{pic(2)}\n".encode(), [*TWO], {"created_at": OLD}),
    Kind("a bad byte", b"id,name,avatar_url\nzo\xc3\xab,ok," + pic(1).encode() + b"\nben,cut \xf0\x9f\x98," + pic(2).encode() + b"\n", [("zoë", "/1.jpg"), ("ben", "/2.jpg")], notes="broken"),
    Kind("rounded ids", f"id,username,avatar_url\n9.00E+17,ada,{pic(1)}\n9.00E+17,ben,{pic(2)}\n".encode(), [("ada", "/1.jpg"), ("ben", "/2.jpg")], notes="rounded"),
    Kind("ids as formulas", f'id,username,avatar_url\n="901",ada,{pic(1)}\n="902",ben,{pic(2)}\n'.encode(), [*TWO]),
    Kind("counts", f'id,avatar_url,followers_count\n901,{pic(1)},"120,345"\n902,{pic(2)},45.2K\n'.encode(), [*TWO], {"followers_count": "120345"}),
    Kind("a separator's hint", ("sep=;\n" + TABLE.replace(",", ";")).encode(), [*TWO]),
    Kind("title lines", ("Followers of @x\nExported 2024-01-01,by tool\n\n" + TABLE).encode(), [*TWO], notes="2 title lines"),
    Kind("repeats", (TABLE + f"901,ada,{pic(1)}\n").encode(), [*TWO, ("901", "/1.jpg")], notes="1 row repeats"),
    Kind("HTML ampersand", f"custom_id,icon_img\na,{BASE}/i.jpg?w=2&amp;s=abc\n".encode(), [("a", "/i.jpg?w=2&amp;s=abc")]),
]  # fmt: skip
ZIP_KINDS = [
    Kind("a list in a folder", build_zip({"export/list.csv": b"id,file\n901,images/1.jpg\n902,images/2.jpg\n", "export/images/1.jpg": JPEG, "export/images/2.jpg": JPEG + b"2"}), [("901", "images/1.jpg"), ("902", "images/2.jpg")], media_type="application/zip"),
    Kind("decomposed names", build_zip({"list.csv": "id,file\n901,zoë.jpg\n".encode(), unicodedata.normalize("NFD", "zoë.jpg"): JPEG}), [("901", "zoë.jpg")], media_type="application/zip"),
    Kind("hidden files", build_zip({"list.csv": b"id,file\n901,1.jpg\n", "1.jpg": JPEG, "._1.jpg": b"x", ".hidden/a.jpg": JPEG, "other.jpg": JPEG}), [("901", "1.jpg"), (None, "other.jpg")], notes="hidden", media_type="application/zip"),
]  # fmt: skip
KINDS = [*JSON_KINDS, *CSV_KINDS, *ZIP_KINDS]
