"""The words that names of columns are made of, as platforms and tools write them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final


def words(text: str) -> frozenset[str]:
    """The words of a table that is written as one text."""
    return frozenset(text.split())


PROFILE_PICTURES: Final = words(
    "avatar avatarimage avatarimg avatarpicture avatarphoto profileimage profileimg "
    "profilepic profilepicture profilephoto profileavatar userpic headshot displaypicture "
    "snoovatar"
)
GENERIC_PICTURES: Final = words(
    "image picture photo pic img thumbnail thumbnails face portrait icon iconimg snoovatarimg"
)
LOCATORS: Final = words(
    "url urls uri link href src https info versions version versions2 data file filename "
    "path source"
)
"""Words that say in which way a picture is given, and not whose it is."""
LINKS: Final = frozenset(["url", "uri", "link", "href", "file", "filename", "path", "source"])

FLAGS: Final = frozenset({"has", "is", "no", "use", "show", "hide"})

SIZES_PX: Final[Mapping[str, float]] = {
    "mini": 24, "tiny": 24, "small": 50, "smaller": 50, "bigger": 73, "default": 88, "thumb": 100,
    "medium": 300, "middle": 300, "static": 401, "standard": 640, "big": 700, "high": 800,
    "large": 900, "larger": 1080, "hd": 1080, "xl": 1080, "largest": 1200, "maxres": 1280,
    "max": 1600, "full": 2000, "orig": 4000, "original": 4000,
}  # fmt: skip
UNSTATED_SIZE_PX: Final = 400.0
NUMBER: Final = re.compile(r"(\d{2,4})(?:x\d{2,4})?")

OTHER_THINGS: Final = words(
    "cover covers banner banners background bg header headers media medias post posts "
    "tweet tweets status statuses video videos story stories attachment attachments card "
    "wallpaper product article logo preview screenshot emoji sticker album playlist music "
    "group guild server room community carousel gallery badge org organization"
)
"""Between an account and a picture: then the picture is not its avatar."""
OTHER_ACCOUNTS: Final = words(
    "retweeted retweet quoted quote reblog reblogged repost reposted reply replied "
    "replies mention mentioned mentions parent inviter contributors tagged coauthor"
)
"""Anywhere before an account: then it is not the account that the row is about."""
ENTITIES: Final = words(
    "user users author authors account accounts actor owner subject member members "
    "follower followee following friend creator commenter person profile channel "
    "subscriber sender from participant liker voter poster contact customer"
)
TRANSPARENT: Final = words(
    "legacy core node public metrics metric stats stat statistics counts counters counter "
    "attributes snippet info basic details relationship thumbnails"
)
"""Containers within an account, which make no account of their own."""

IDENTITY: Final = "id"
KEY: Final = "key"
"""The name under which an object stands in a map of accounts."""

FIELD_NAMES: Final[Mapping[str, str]] = {
    IDENTITY: "customid useridstr userid accountid authorid twitterid restid did idstr databaseid "
    "id uid pk pkid memberid profileid ownerid actorid followerid instagramid tiktokid "
    "telegramid discordid facebookid userpk channelid fromid",
    "username": "username accountaddress screenname handle login acct uniqueid "
    "preferredusername publicidentifier "
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
ACCOUNT_FIELDS: Final = tuple(name for name in FIELD_NAMES if name != IDENTITY)
COUNT_FIELDS: Final = frozenset({"followers_count", "following_count", "posts_count"})
FIELDS_BY_NAME: Final = {
    name: (field, rank)
    for field, names in FIELD_NAMES.items()
    for rank, name in enumerate(names.split())
}
POST_ONLY_DATES: Final = frozenset(
    {"createdat", "createtime", "created", "creationdate", "datecreated"}
)
POST_IDS: Final = frozenset({"tweetid", "postid", "statusid", "mediaid", "commentid", "messageid"})
POST_SIGNS: Final = words(
    "tweetid postid statusid mediaid commentid conversationid threadid retweetcount "
    "fulltext caption body tweet rawcontent tweettext posttext posttitle permalink"
)
"""Names of columns that only posts have."""
