"""What a column's name means: the role that its last part names, and whose it is by its prefix.

``user/profile_pic_url``, ``author_avatar_url`` and ``authorMeta.avatar`` are avatars of a user and
an author; ``cover/url`` is none. Names are split into words at slashes, dots, underscores and
capital letters, so that one table serves all spellings.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import IntEnum
from functools import lru_cache
from typing import Final, NamedTuple

Words = tuple[str, ...]


def words(text: str) -> frozenset[str]:
    """The words of a table that is written as one text."""
    return frozenset(text.split())


class PictureKind(IntEnum):
    """How surely a name means an avatar, the surest first."""

    PROFILE = 0
    GENERIC = 1
    LINK = 2


class PictureName(NamedTuple):
    """A column that may hold avatars. ``size_px``: by its name; ``depth``: of nesting."""

    kind: PictureKind
    scope: Words
    size_px: float
    depth: int


class FieldName(NamedTuple):
    """A column that may hold a field of an account; lower ranks are more telling."""

    field: str
    rank: int
    scope: Words


_PROFILE_PICTURES: Final = words(
    "avatar avatarimage avatarimg avatarpicture avatarphoto profileimage profileimg "
    "profilepic profilepicture profilephoto profileavatar userpic headshot displaypicture "
    "snoovatar"
)
_GENERIC_PICTURES: Final = words(
    "image picture photo pic img thumbnail thumbnails face portrait icon iconimg snoovatarimg"
)
_LOCATORS: Final = words(
    "url urls uri link href src https info versions version versions2 data file filename "
    "path source"
)
"""Words that say in which way a picture is given, and not whose it is."""
_LINKS: Final = frozenset(["url", "uri", "link", "href", "file", "filename", "path", "source"])

_FLAGS: Final = frozenset({"has", "is", "no", "use", "show", "hide"})

_SIZES_PX: Final[Mapping[str, float]] = {
    "mini": 24, "tiny": 24, "small": 50, "smaller": 50, "bigger": 73, "default": 88, "thumb": 100,
    "medium": 300, "middle": 300, "static": 401, "standard": 640, "big": 700, "high": 800,
    "large": 900, "larger": 1080, "hd": 1080, "xl": 1080, "largest": 1200, "maxres": 1280,
    "max": 1600, "full": 2000, "orig": 4000, "original": 4000,
}  # fmt: skip
_UNSTATED_SIZE_PX: Final = 400.0
_NUMBER: Final = re.compile(r"(\d{2,4})(?:x\d{2,4})?")

_OTHER_THINGS: Final = words(
    "cover covers banner banners background bg header headers media medias post posts "
    "tweet tweets status statuses video videos story stories attachment attachments card "
    "wallpaper product article logo preview screenshot emoji sticker album playlist music "
    "group guild server room community carousel gallery badge org organization"
)
"""Between an account and a picture: then the picture is not its avatar."""
_OTHER_ACCOUNTS: Final = words(
    "retweeted retweet quoted quote reblog reblogged repost reposted reply replied "
    "replies mention mentioned mentions parent inviter contributors tagged coauthor"
)
"""Anywhere before an account: then it is not the account that the row is about."""
ENTITIES: Final = words(
    "user users author authors account accounts actor owner subject member members "
    "follower followee following friend creator commenter person profile channel "
    "subscriber sender from participant liker voter poster contact customer"
)
_TRANSPARENT: Final = words(
    "legacy core node public metrics metric stats stat statistics counts counters counter "
    "attributes snippet info basic details relationship thumbnails"
)
"""Containers within an account, which make no account of their own."""

IDENTITY: Final = "id"
KEY: Final = "key"
"""The name under which an object stands in a map of accounts."""

_FIELD_NAMES: Final[Mapping[str, str]] = {
    IDENTITY: "customid useridstr userid accountid authorid twitterid restid did idstr databaseid "
    "id uid pk pkid memberid profileid ownerid actorid followerid channelid fromid",
    "username": "username screenname handle login acct uniqueid preferredusername publicidentifier "
    "usernames domain customurl account user author",
    "display_name": "displayname fullname authorfullname realname globalname name nickname "
    "authorname snippettitle authordisplayname",
    "created_at": "accountcreatedat usercreatedat accountcreated createdat createtime created "
    "creationdate datecreated registeredat registered registrationdate joindate joinedat joined",
    "followers_count": "followerscount followercount followers edgefollowedbycount "
    "followerstotalcount subscribercount subscriberscount fans numfollowers numberoffollowers",
    "following_count": "followingcount followingscount friendscount followscount "
    "followingtotalcount following friends edgefollowcount followees followeescount follows",
    "posts_count": "postscount postcount statusescount statuscount tweetcount tweetscount "
    "tweetscount mediacount notescount videocount edgeownertotimelinemediacount posts tweets",
}  # fmt: skip
ACCOUNT_FIELDS: Final = tuple(name for name in _FIELD_NAMES if name != IDENTITY)
COUNT_FIELDS: Final = frozenset({"followers_count", "following_count", "posts_count"})
_FIELDS_BY_NAME: Final = {
    name: (field, rank)
    for field, names in _FIELD_NAMES.items()
    for rank, name in enumerate(names.split())
}
POST_ONLY_DATES: Final = frozenset(
    {"createdat", "createtime", "created", "creationdate", "datecreated"}
)
_POST_SIGNS: Final = words(
    "tweetid postid statusid mediaid commentid conversationid threadid retweetcount "
    "fulltext caption body tweet rawcontent tweettext posttext posttitle permalink"
)
"""Names of columns that only posts have."""
_WEAK_POST_SIGNS: Final = frozenset({"text", "message", "comment", "content", "likecount"})

_PATH_SEPARATORS: Final = re.compile(r"[./:\[\]>|]+|__")
_CAMEL_CASE: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_SIGNS: Final = re.compile(r"[\W_]+")


@lru_cache(maxsize=4096)
def split_name(name: str) -> tuple[Words, int]:
    """The words of a name in lower case, and how deep it is nested."""
    segments = [segment for segment in _PATH_SEPARATORS.split(name) if segment]
    words = [
        word.lower()
        for segment in segments
        for word in _SIGNS.split(_CAMEL_CASE.sub(" ", segment))
        if word
    ]
    return tuple(words), max(len(segments) - 1, 0)


@lru_cache(maxsize=4096)
def picture_name(name: str) -> PictureName | None:
    """The picture that a column of this name may hold; ``None`` if its name speaks of none."""
    words, depth = split_name(name)
    core = [word for word in words if not _is_size_or_locator(word)]
    if not core:
        is_link = bool(words) and words[-1] in _LINKS and len(words) <= 2
        return PictureName(PictureKind.LINK, (), 0.0, depth) if is_link else None
    if core[0] in _GENERIC_PICTURES | _PROFILE_PICTURES and words[0] == "default" and depth == 0:
        return None  # what an account without a picture shows
    is_profile_object = depth > 0 and re.search(r"(?i)profile[./:]", name) is not None
    for start in range(len(core)):
        if is_profile_object and core[start] == "profile":
            continue  # `profile.image` is the picture of a nested account
        kind = _kind_of(_strip_url("".join(core[start:])))
        if kind is None:
            continue
        prefix = core[:start]
        if _names_other_thing(prefix) or (prefix and prefix[-1] in _FLAGS):
            return None
        if kind is PictureKind.GENERIC and prefix and prefix[-1] in ENTITIES:
            kind = PictureKind.PROFILE  # `user_image`, `author.photo`
        return PictureName(kind, scope_of(tuple(prefix)), _size_px(words), depth)
    return None


def _is_size_or_locator(word: str) -> bool:
    return word in _LOCATORS or word in _SIZES_PX or _NUMBER.fullmatch(word) is not None


def _kind_of(joined: str) -> PictureKind | None:
    if joined in _PROFILE_PICTURES:
        return PictureKind.PROFILE
    return PictureKind.GENERIC if joined in _GENERIC_PICTURES else None


def _strip_url(joined: str) -> str:
    for ending in ("https", "hd", "url", "uri", "link", "src"):
        joined = joined.removesuffix(ending) or joined
    return joined


def _names_other_thing(prefix: list[str]) -> bool:
    if not _OTHER_ACCOUNTS.isdisjoint(prefix):
        return True
    last_entity = max((n for n, word in enumerate(prefix) if word in ENTITIES), default=-1)
    return not _OTHER_THINGS.isdisjoint(prefix[last_entity + 1 :])


def _size_px(words: Words) -> float:
    sizes = [_SIZES_PX[word] for word in words if word in _SIZES_PX]
    sizes += [float(m[1]) for word in words if (m := _NUMBER.fullmatch(word))]
    if not sizes:
        return _UNSTATED_SIZE_PX + ("https" in words or words[-1].endswith("https"))
    return max(sizes) + ("url" in words) / 2


@lru_cache(maxsize=4096)
def field_names(name: str) -> tuple[FieldName, ...]:
    """Every field that a column of this name may hold, the longest reading of the name first."""
    words, _ = split_name(name)
    if not _OTHER_ACCOUNTS.isdisjoint(words[:-1]):
        return ()
    readings = []
    for start in range(len(words)):
        entry = _FIELDS_BY_NAME.get("".join(words[start:]))
        if entry is not None:
            readings.append(FieldName(*entry, scope_of(words[:start])))
    return tuple(readings)


def scope_of(prefix: Words) -> Words:
    """Whose a column is: its prefix without the containers that belong to an account anyway."""
    return tuple(word for word in prefix if word not in _TRANSPARENT)


def is_stats_name(name: str) -> bool:
    """Whether a nested member stands in a container of counts, beside the account it counts for."""
    words, depth = split_name(name)
    return depth > 0 and not _TRANSPARENT.isdisjoint(words[:-1])


def is_post_sign(name: str) -> bool:
    """Whether a column at the top of a row tells that rows are posts."""
    words, depth = split_name(name)
    return depth == 0 and "".join(words) in _POST_SIGNS


def is_weak_post_sign(name: str) -> bool:
    """Whether a column at the top of a row suggests that rows are posts or messages."""
    words, depth = split_name(name)
    return depth == 0 and "".join(words) in _WEAK_POST_SIGNS


def names_other_picture(name: str) -> bool:
    """Whether a column is, by its name, a cover, a banner or media: a picture that is no avatar."""
    words, _ = split_name(name)
    return _names_other_thing(list(words)) or "images" in words or "photos" in words


_IDENTIFIER: Final = re.compile(r"[\w./:\[\]>|#-]+( [\w#]+){0,3}")


def is_column_name(cell: str) -> bool:
    """Whether a cell reads as the name of a column that is known here."""
    cell = cell.strip()
    if not cell or len(cell) > 80 or _IDENTIFIER.fullmatch(cell) is None or cell.isdecimal():
        return False
    picture = picture_name(cell)
    words, _ = split_name(cell)
    whole = "".join(words)
    if whole in _FIELDS_BY_NAME or (picture is not None and len(picture.scope) == 0):
        return True
    is_single_identifier = " " not in cell and len(words) > 1
    return is_single_identifier and (picture is not None or bool(field_names(cell)))
