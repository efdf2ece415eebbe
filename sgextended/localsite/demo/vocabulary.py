"""
The names and texts of the demo production.
"""

from __future__ import annotations

import attrs


@attrs.frozen
class Show:
    """
    One project of the demo.

    Attributes:
        days: The number of days between the project's start and the demo's present day.

        sequences: Codes and titles of its sequences, in the order of the story.

        episodes: The number of episodes that the sequences are distributed over.

        shots: The number of shots.

        assets: The number of assets.
    """

    name: str
    code: str
    kind: str
    status: str
    description: str
    days: int
    sequences: tuple[tuple[str, str], ...]
    shots: int
    assets: int
    episodes: int = 0
    archived: bool = False


SHOWS = (
    Show(
        "Ember Falls",
        "emb",
        "Feature Film",
        "Active",
        "A ranger and a fire spirit cross a burning valley.",
        210,
        (
            *(("FOR", "The forest wakes"), ("RIV", "River crossing"), ("CMP", "Night camp"), ("RDG", "On the ridge")),
            *(("FLT", "Flight of the herons"), ("EMB", "The ember storm"), ("CAV", "Crystal cave")),
            *(("BRG", "The rope bridge"), ("FAL", "At the falls"), ("END", "Morning after")),
        ),
        260,
        96,
    ),
    Show(
        "The Glass Orchard",
        "tgo",
        "Feature Film",
        "Active",
        "Series of six episodes about a greenhouse that remembers.",
        160,
        (
            *(("GRN", "Greenhouse"), ("LIB", "The library"), ("TRN", "Night train"), ("MKT", "Market day")),
            *(("ATC", "The attic"), ("ROF", "Rooftops"), ("STR", "Thunderstorm"), ("WEL", "The well")),
            *(("GAR", "Walled garden"), ("FIN", "The last apple"), ("DRM", "Dream of roots"), ("HAL", "Great hall")),
        ),
        240,
        90,
        episodes=6,
    ),
    Show(
        "Nightjar",
        "njr",
        "Feature Film",
        "Active",
        "A smuggler pilot is hunted through the storm belt.",
        120,
        (
            *(("HNG", "The hangar"), ("CHS", "Canyon chase"), ("DOC", "Docking"), ("STB", "Storm belt")),
            *(("MED", "Med bay"), ("DUE", "Duel on the wing"), ("SIL", "Silence")),
        ),
        180,
        78,
    ),
    Show(
        "Orbital Drift",
        "odr",
        "Game Cinematic",
        "Active",
        "Four cinematics for a game about salvage crews.",
        90,
        (("INT", "Intro"), ("SAL", "Salvage"), ("BTR", "Betrayal"), ("OUT", "Outro")),
        100,
        60,
    ),
    Show(
        "Paper Lanterns",
        "pla",
        "Short Film",
        "Active",
        "A girl follows the lantern boats down to the sea.",
        75,
        (("VIL", "The village"), ("BOA", "Lantern boats"), ("SEA", "Open sea")),
        70,
        44,
    ),
    Show(
        "Saltwind Spot",
        "sws",
        "Commercial",
        "Bidding",
        "Sixty seconds for a maker of sailing boats.",
        20,
        (("REG", "Regatta"), ("PCK", "Pack shot")),
        30,
        22,
    ),
    Show(
        "Harbour Lights",
        "hbl",
        "Feature Film",
        "Hold",
        "Delivered last year.",
        520,
        (("PIE", "The pier"), ("LGH", "Lighthouse"), ("FOG", "Fog")),
        60,
        40,
        archived=True,
    ),
)

#: First name, last name, department code. The first person is the administrator.
PEOPLE = (
    *(("Ingrid", "Solberg", "PRD"), ("Marcus", "Adeyemi", "PRD"), ("Lucie", "Marchand", "PRD")),
    *(("Tomás", "Herrera", "PRD"), ("Aiko", "Nakamura", "PRD"), ("Ben", "Whitlock", "ED"), ("Priya", "Raman", "ED")),
    *(("Elena", "Kovač", "ART"), ("Jonas", "Lindqvist", "ART"), ("Mei", "Tanaka", "ART"), ("Owen", "Pryce", "ART")),
    *(("Sofia", "Moretti", "MDL"), ("Daniel", "Okafor", "MDL"), ("Hannah", "Vogel", "MDL"), ("Rui", "Campos", "MDL")),
    *(("Nils", "Berg", "RIG"), ("Amara", "Nwosu", "RIG"), ("Pavel", "Dvořák", "RIG"), ("Greta", "Lang", "RIG")),
    *(("Isla", "McKenna", "SRF"), ("Yusuf", "Demir", "SRF"), ("Chloé", "Bernard", "SRF"), ("Leo", "Santos", "SRF")),
    *(("Katarina", "Novak", "LAY"), ("Samuel", "Price", "LAY"), ("Noor", "Haddad", "LAY")),
    *(("Mateo", "Rossi", "ANM"), ("Freya", "Lund", "ANM"), ("Kenji", "Mori", "ANM"), ("Zoe", "Carter", "ANM")),
    *(("Abel", "Tesfaye", "ANM"), ("Clara", "Weiss", "ANM"), ("Ravi", "Menon", "ANM"), ("Nora", "Quinn", "ANM")),
    *(("Viktor", "Petrov", "FX"), ("Selin", "Aydin", "FX"), ("Hugo", "Blanc", "FX"), ("Dana", "Cole", "FX")),
    *(("Linnea", "Holm", "LGT"), ("Omar", "Farouk", "LGT"), ("Grace", "Liu", "LGT"), ("Stefan", "Maier", "LGT")),
    *(("Bianca", "Ricci", "CMP"), ("Ethan", "Brooks", "CMP"), ("Yara", "Silva", "CMP"), ("Per", "Nyman", "CMP")),
    *(("Julia", "Kowalska", "CMP"), ("Adam", "Reyes", "CMP")),
)

#: Code, name, colour, and the short names of the steps that the department works on.
DEPARTMENTS = (
    ("PRD", "Production", "120,120,120", ()),
    ("ED", "Editorial", "150,110,90", ()),
    ("ART", "Art", "183,144,218", ("ART",)),
    ("MDL", "Modeling", "129,183,65", ("MDL",)),
    ("RIG", "Rigging", "219,165,74", ("RIG",)),
    ("SRF", "Surfacing", "74,163,219", ("SRF",)),
    ("LAY", "Layout", "219,202,74", ("LAY", "TRK")),
    ("ANM", "Animation", "219,96,74", ("ANM",)),
    ("FX", "Effects", "74,219,196", ("FX",)),
    ("LGT", "Lighting", "240,180,60", ("LGT",)),
    ("CMP", "Compositing", "110,120,220", ("CMP", "ROT")),
)

#: Name and the department codes whose people are in the group.
GROUPS = (
    ("Production", ("PRD", "ED")),
    ("Asset Team", ("ART", "MDL", "RIG", "SRF")),
    ("Shot Team", ("LAY", "ANM", "FX", "LGT", "CMP")),
    ("Animators", ("ANM",)),
    ("Lighters", ("LGT",)),
    ("Compositors", ("CMP",)),
    ("Reviewers", ("PRD",)),
)

#: Type of asset, prefix, and words whose pairs make names.
ASSETS = (
    (
        "Character",
        "chr",
        ("mira", "tobin", "sable", "orla", "cass", "brannoc", "wren", "ludo", "petra", "idris", "nell", "fen"),
        ("", "young", "winter", "wounded", "disguised"),
    ),
    (
        "Prop",
        "prp",
        ("lantern", "compass", "rope", "satchel", "kettle", "map", "oar", "lens", "crate", "radio", "key", "clock"),
        ("", "brass", "broken", "old", "hero"),
    ),
    (
        "Environment",
        "env",
        ("harbour", "forest", "cavern", "rooftops", "station", "meadow", "cliff", "hangar", "attic", "market"),
        ("", "night", "rain", "dawn"),
    ),
    (
        "Vehicle",
        "veh",
        ("skiff", "glider", "tram", "hauler", "buggy", "ferry", "rover", "kite"),
        ("", "damaged", "racing"),
    ),
    (
        "Matte Painting",
        "dmp",
        ("skyline", "valley", "nebula", "coast", "mountains", "canopy"),
        ("", "sunset", "storm"),
    ),
)

VERSION_NOTES = (
    *("First pass.", "Addressed notes from dailies.", "Fixed the pop at the cut.", "New lens, wider framing."),
    *("Timing tightened by eight frames.", "Cleaned up the silhouette.", "Less noise in the shadows."),
    *("Matches the reference plate.", "Updated to the approved model.", "Ready for review."),
)

NOTES = (
    ("Timing of the turn", "The head turn starts a little late; could it lead the eyes by four frames?"),
    ("Rim light", "Lovely mood. The rim light is a touch too strong on the left side."),
    ("Continuity", "The lantern is in the other hand in the shot before."),
    ("Foot contact", "The right foot slides around frame 1032."),
    ("Silhouette", "The silhouette reads better if the cloak opens earlier."),
    ("Smoke density", "Can we thin the smoke out near the camera? We lose the character."),
    ("Edge", "There is a bright edge on the matte, top right."),
    ("Texture scale", "The wood grain is too large for a prop of this size."),
    ("Camera", "The camera settles too quickly, let it drift a little longer."),
    ("Approved", "This works very well. Approved for the next step."),
)

REPLIES = (
    *("Will do for the next version.", "Done, see the new version.", "Good catch, thank you."),
    *("Could we talk about it in dailies?", "Fixed, and I checked the neighbouring shots too."),
)

#: The login of the person for whom the examples of the documentation are written.
ME = "zoe.carter"

#: The local storage with the published files.
STORAGE = {
    "code": "projects",
    "description": "All shows, as each platform mounts them.",
    "linux_path": "/mnt/projects",
    "mac_path": "/Volumes/projects",
    "windows_path": "P:\\projects",
    "uuid": "7d0e4c0a-5b0e-5c53-9d8e-0f1f3f2c6a11",
}

FILE_TYPES = (
    *("Maya Scene", "Houdini Scene", "Nuke Script", "Photoshop Image", "Alembic Cache", "Texture", "Rendered Image"),
)

#: The type and extension of the file in which the work of a step is saved.
SCENES = {
    "ART": ("Photoshop Image", "psd"),
    "MDL": ("Maya Scene", "ma"),
    "RIG": ("Maya Scene", "ma"),
    "SRF": ("Maya Scene", "ma"),
    "LAY": ("Maya Scene", "ma"),
    "ANM": ("Maya Scene", "ma"),
    "FX": ("Houdini Scene", "hip"),
    "LGT": ("Maya Scene", "ma"),
    "CMP": ("Nuke Script", "nk"),
}

#: The type and extension of the file that a step makes from its scene for the next step.
EXPORTS = {
    "SRF": ("Texture", "tx"),
    "ANM": ("Alembic Cache", "abc"),
    "LGT": ("Rendered Image", "exr"),
}

TIME_LOGS = (
    *(
        "Blocking.",
        "First pass.",
        "Notes from dailies.",
        "Clean-up.",
        "Fixed the references.",
        "Reviewed with the lead.",
    ),
)

TAGS = ("hero", "night", "rain", "damaged", "crowd", "stunt", "long shot", "reuse")

#: A part of an asset's name, and the tag of the assets whose names contain it.
TAGGED_PARTS = {
    "hero": "hero",
    "chr_mira": "hero",
    "chr_tobin": "hero",
    "night": "night",
    "rain": "rain",
    "broken": "damaged",
    "damaged": "damaged",
    "wounded": "damaged",
}

SHOT_TAGS = ("crowd", "stunt", "long shot", "night", "rain")

#: Title, description and type.
TICKETS = (
    ("Playblast is one frame short", "The last frame of the cut is missing in every playblast since Monday.", "Bug"),
    ("Publish fails for long names", "A publish with a name of more than 64 letters stops without a message.", "Bug"),
    ("Show the frame range in the shot browser", "Animators look it up by hand for each shot.", "Feature"),
    ("Rig of the glider flips", "The left wing flips when the controller passes 180 degrees.", "Bug"),
    ("Export camera to the compositing script", "The camera is copied by hand.", "Feature"),
    ("Textures load from the wrong drive", "On two machines the paths begin with the old drive.", "Bug"),
    ("Group shots by sequence on the wall", "The screening room shows them by date.", "Feature"),
    ("Render layers lose their names", "After a version-up the layers are called layer1, layer2, ...", "Bug"),
    ("Time logs from the render farm", "Supervisors want the hours of the farm next to those of people.", "Feature"),
    ("Audio is not in sync", "Two frames off after the retime of the sequence.", "Bug"),
    ("Thumbnails for deliveries", "Clients ask for a picture on each delivery.", "Feature"),
    ("Cloth cache is too large", "The cache of one shot fills the disk.", "Bug"),
)

TICKET_REPLIES = (
    *("I can reproduce it, thank you.", "Fixed; please restart the application.", "It is in the next release."),
)

DELIVERIES = ("Weekly dailies", "Trailer shots", "Temp screening", "Reel 2 preview", "Look approval", "Test frames")

CAMERA_REPORT = """\
Camera report for {code}
Lens: 35 mm, T4
Frames: {sg_cut_in}-{sg_cut_out} ({sg_cut_duration})
"""
