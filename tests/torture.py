"""Unicode torture documents, for all that reads text.

``documents()`` is the list of (name, document), str or bytes, of a few hundred KB in all;
``big_documents()`` yields the few that are large; ``byte_sequences()`` yields some 70 000 tiny
ones, of every way to break UTF-8.

Most sentences are Article 1 of the Universal Declaration of Human Rights, "All human beings are
born free and equal in dignity and rights", or its beginning; dead scripts have what was written
in them, and the rarest (Tangut, Nushu, Khitan, Bamum, Ahom and their like) only some letters.
"""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections.abc import Iterator
from functools import cache

Document = str | bytes

SENTENCES = {
    # Latin
    "english": "All human beings are born free and equal in dignity and rights; don't they?",
    "german": "Alle Menschen sind frei und gleich an Würde und Rechten geboren. STRASSE, Straße.",
    "french": "Tous les êtres humains naissent libres et égaux en dignité et en droits, l’œuvre…",
    "spanish": "¿Todos los seres humanos nacen libres e iguales en dignidad y derechos? ¡Sí!",
    "icelandic": "Hver maður er borinn frjáls og jafn öðrum að virðingu og réttindum.",
    "polish": "Wszyscy ludzie rodzą się wolni i równi pod względem swej godności i swych praw.",
    "turkish": "Bütün insanlar hür, haysiyet ve haklar bakımından eşit doğarlar. IĞDIR, İĞNE.",
    "hungarian": "Minden emberi lény szabadon születik és egyenlő méltósága és joga van.",
    "vietnamese": "Tất cả mọi người sinh ra đều được tự do và bình đẳng về nhân phẩm và quyền lợi.",
    "yoruba": "Gbogbo ènìyàn ni a bí ní òmìnira; iyì àti ẹ̀tọ́ kọ̀ọ̀kan sì dọ́gba.",
    "hawaiian": "Hānau kūʻokoʻa ʻia nā kānaka apau loa, a ua kau like ka hanohano.",
    "croatian": "Sva ljudska bića rađaju se slobodna; ǈubav i ǆep, ǅep, ǄEP.",
    # Greek, Cyrillic, Armenian, Georgian
    "greek": "Όλοι οι άνθρωποι γεννιούνται ελεύθεροι και ίσοι. ὍΛΟΙ ΟΙ ΆΝΘΡΩΠΟΙ, ὈΔΥΣΣΕΎΣ.",
    "greek polytonic": "Ἐν ἀρχῇ ἦν ὁ λόγος, καὶ ὁ λόγος ἦν πρὸς τὸν θεόν. ᾼ ᾳ ᾈ",
    "russian": "Все люди рождаются свободными и равными в своём достоинстве и правах. ЁЛКА",
    "ukrainian": "Всі люди народжуються вільними і рівними у своїй гідності та п’ятьох правах.",
    "kazakh": "Барлық адамдар тумысынан азат және қадір-қасиеті мен құқықтары тең болып келеді.",
    "mongolian cyrillic": "Хүн бүр төрж мэндлэхэд эрх чөлөөтэй, адилхан нэр төртэй байдаг.",
    "church slavonic": "Въ нача́лѣ бѣ̀ сло́во, и҆ сло́во бѣ̀ къ бг҃ꙋ, и҆ бг҃ъ бѣ̀ сло́во.",
    "glagolitic": "Ⰲⱏ ⱀⰰⱍⰰⰾⱑ ⰱⱑ ⱄⰾⱁⰲⱁ",
    "armenian": "Բոլոր մարդիկ ծնվում են ազատ ու հավասար՝ իրենց արժանապատվությամբ։ ԵՎ և",
    "georgian": "ყველა ადამიანი იბადება თავისუფალი და თანასწორი. ᲧᲕᲔᲚᲐ",
    "georgian nuskhuri": "ⴄⴋⴇⴈⴟⴋ ⴈⴟⴍ ⴑⴈⴒⴗⴓⴀⴢ ႤႫႧႨ",
    # Right to left
    "hebrew": "כל בני האדם נולדו בני חורין ושווים בערכם ובזכויותיהם.",
    "hebrew pointed": "בְּרֵאשִׁית בָּרָא אֱלֹהִים אֵת הַשָּׁמַיִם וְאֵת הָאָרֶץ׃",
    "yiddish": "יעדער מענטש װערט געבױרן פֿרײַ און גלײַך אין כּבֿוד און רעכט.",
    "arabic": "يولد جميع الناس أحرارًا متساوين في الكرامة والحقوق، وقد وُهبوا عقلًا وضميرًا.",
    "arabic pointed": "بِسْمِ ٱللَّهِ ٱلرَّحْمَٰنِ ٱلرَّحِيمِ ۝ ١٢٣",
    "persian": "تمام افراد بشر آزاد به دنیا می\u200cآیند و از لحاظ حیثیت و حقوق با هم برابرند. ۱۲۳",
    "urdu": "تمام انسان آزاد اور حقوق و عزت کے اعتبار سے برابر پیدا ہوئے ہیں۔",
    "uyghur": "ھەممە ئادەم زانىدىنلا ئەركىن، ئىززەت-ھۆرمەت ۋە ھوقۇقتا باپباراۋەر بولۇپ تۇغۇلغان.",
    "syriac": "ܟܠ ܒܪܢܫܐ ܒܪܝܠܗ ܚܐܪܐ ܘܒܪܒܪܐ ܒܐܝܩܪܐ ܘܙܕܩܐ܂",
    "dhivehi": "ހުރިހާ އިންސާނުން ވެސް އުފަންވަނީ، މިނިވަންކަމުގައެވެ.",
    "n'ko": "ߡߐ߱ ߓߍ߯ ߛߏߟߏ߲ߣߍ߲ ߠߋ߬ ߤߙߐߦߊ߫ ߟߊ߫߸ ߁߂߃",
    "adlam": "𞤋𞤲𞥆𞤢𞤥𞤢 𞤢𞥄𞤣𞤫𞥅𞤶𞤭 𞤬𞤮𞤬 𞤨𞤮𞤼𞤭 𞥑𞥒𞥓",
    "samaritan": "ࠁࠓࠀࠔࠉࠕ ࠁࠓࠀ ࠀࠋࠄࠉࠌ",
    # Indic
    "hindi": "सभी मनुष्यों को गौरव और अधिकारों के मामले में जन्मजात स्वतन्त्रता प्राप्त है। १२३",
    "sanskrit": "सर्वे मानवाः स्वतन्त्राः समुत्पन्नाः वर्तन्ते॥ अ॒ग्निमी॑ळे पु॒रोहि॑तं",
    "bengali": "সমস্ত মানুষ স্বাধীনভাবে সমান মর্যাদা এবং অধিকার নিয়ে জন্মগ্রহণ করে। ক\u09cd\u200dষ",
    "punjabi": "ਸਾਰਾ ਮਨੁੱਖੀ ਪਰਿਵਾਰ ਆਪਣੀ ਮਹਿਮਾ, ਸ਼ਾਨ ਅਤੇ ਹੱਕਾਂ ਦੇ ਪੱਖੋਂ ਜਨਮ ਤੋਂ ਹੀ ਆਜ਼ਾਦ ਹੈ।",
    "gujarati": "પ્રતિષ્ઠા અને અધિકારોની દૃષ્ટિએ સર્વ માનવો જન્મથી સ્વતંત્ર અને સમાન હોય છે.",
    "odia": "ସବୁ ମନୁଷ୍ୟ ଜନ୍ମକାଳରୁ ସ୍ୱାଧୀନ ଏବଂ ମର୍ଯ୍ୟାଦା ଓ ଅଧିକାରରେ ସମାନ।",
    "tamil": "மனிதப் பிறவியினர் சகலரும் சுதந்திரமாகவே பிறக்கின்றனர்; ௧௨௩ ௰",
    "telugu": "ప్రతిపత్తిస్వత్వముల విషయమున మానవులెల్లరును జన్మతః స్వతంత్రులును సమానులును నగుదురు.",
    "kannada": "ಎಲ್ಲಾ ಮಾನವರೂ ಸ್ವತಂತ್ರರಾಗಿಯೇ ಜನಿಸಿದ್ದಾರೆ ಹಾಗೂ ಘನತೆ ಮತ್ತು ಹಕ್ಕುಗಳಲ್ಲಿ ಸಮಾನರು.",
    "malayalam": "മനുഷ്യരെല്ലാവരും തുല്യാവകാശങ്ങളോടും അന്തസ്സോടും സ്വാതന്ത്ര്യത്തോടുംകൂടി ജനിച്ചിട്ടുള്ളവരാണ്.",
    "sinhala": "සියලු මනුෂ්‍යයෝ නිදහස්ව උපත ලබා ඇත. ගරුත්වයෙන් හා අයිතිවාසිකම්වලින් සමාන වෙති.",
    "santali": "ᱡᱚᱛᱚ ᱦᱚᱲ ᱯᱷᱩᱨᱜᱟᱹᱞ ᱟᱨ ᱢᱟᱱ ᱥᱟᱶ ᱡᱟᱱᱟᱢ ᱟᱠᱟᱱᱟ᱾ ᱑᱒",
    "meitei": "ꯃꯤ ꯈꯨꯗꯤꯡꯃꯛ ꯄꯣꯛꯄ ꯃꯇꯝꯗ ꯅꯤꯡꯇꯝꯃꯤ꯫",
    "brahmi": "𑀤𑁂𑀯𑀸𑀦𑀁𑀧𑀺𑀬𑁂 𑀧𑀺𑀬𑀤𑀲𑀺 𑀮𑀸𑀚",
    # Written without spaces
    "thai": "มนุษย์ทั้งหลายเกิดมามีอิสระและเสมอภาคกันในเกียรติศักดิ์และสิทธิ ๑๒๓ ฯลฯ ๆ ฿",
    "lao": "ມະນຸດທຸກຄົນເກີດມາມີກຽດສັກສີ, ສິດທິ, ເສລີພາບ ແລະຄວາມສະເໝີພາບເທົ່າທຽມກັນ. ໑໒໓",
    "khmer": "មនុស្សទាំងអស់កើតមកមានសេរីភាពនិងភាពស្មើៗគ្នាក្នុងសេចក្ដីថ្លៃថ្នូរ។ ១២៣",
    "burmese": "လူတိုင်းသည် တူညီ လွတ်လပ်သော ဂုဏ်သိက္ခာဖြင့် လည်းကောင်း မွေးဖွားလာသူများ ဖြစ်သည်။ ၁၂၃",
    "shan": "ၵူၼ်းၵူႈၵေႃႉ ၵိူတ်ႇမႃး လွတ်ႈလႅဝ်း ႑႒႓",
    "tibetan": "འགྲོ་བ་མིའི་རིགས་རྒྱུད་ཡོངས་ལ་སྐྱེས་ཙམ་ཉིད་ནས་ཆེ་མཐོངས་དང༌། ༡༢༣ ༪",
    "tai le": "ᥝᥣᥱ ᥛᥬᥲ ᥔᥧᥢᥴ ᥘᥤᥴ",
    "new tai lue": "ᦎᦱᦵᦉᦲᧈᦷᦎᧂ ᧑᧒᧚",
    "tai tham": "ᨣᩴᩤᨾᩮᩬᩥᨦ ᨻᩩᨴ᩠ᨵ",
    "ahom": "𑜒𑜑𑜪𑜨 𑜄𑜩 𑜱𑜲𑜺",
    "chinese": "人人生而自由,在尊严和权利上一律平等。他们赋有理性和良心。",
    "chinese traditional": "人人生而自由,在尊嚴和權利上一律平等。「龍」〇一二三",
    "cantonese": "人人生嚟就係自由嘅,喺尊嚴同埋權利上一律平等。𨋢、𠺢、𡁻",
    "japanese": "すべての人間は、生まれながらにして自由であり、尊厳と権利とについて平等である。",
    "japanese katakana": "スベテノニンゲンハ、ジユウデアリ、ビョウドウ・デアル。ﾊﾝｶｸ ｶﾞｷﾞｸﾞ 々〆ヶ〼",
    "bopomofo": "ㄖㄣˊ ㄖㄣˊ ㄕㄥ ㄦˊ ㄗˋ ㄧㄡˊ",
    "tangut": "𗼇𗟲𗖻𗧯 𘂜𗗙",
    "nushu": "𛅰𛅱𛆁𛈬",
    "khitan": "𘬜𘭶𘭥𘲚",
    # With spaces again, Asia and Africa
    "korean": "모든 인간은 태어날 때부터 자유로우며 그 존엄과 권리에 있어 동등하다. ㅋㅋㅋ ㅠㅠ",
    "korean jamo": unicodedata.normalize("NFD", "모든 인간은 태어날 때부터 자유로우며"),
    "mongolian": "ᠬᠦᠮᠦᠨ ᠪᠦᠷ ᠲᠥᠷᠥᠵᠦ ᠮᠡᠨᠳᠡᠯᠡᠬᠦ ᠡᠷᠬᠡ ᠴᠢᠯᠥᠭᠡ ᠲᠡᠢ᠂ ᠠᠳᠠᠯᠢᠬᠠᠨ ᠨᠡᠷ\u180e᠎ᠠ᠃",
    "yi": "ꊿꂷꃅꄿꐨꐥ,ꌅꅍꂯꏦꃅꐥꌐ。",
    "lisu": "ꓡꓲꓢꓴ ꓥꓳꓴ ꓐꓬꓲ",
    "miao": "𖼀𖽑𖼂𖽔 𖼆𖽘",
    "javanese": "ꦱꦧꦼꦤ꧀ꦲꦸꦮꦺꦴꦁꦏꦭꦲꦶꦫꦏꦺꦏꦤ꧀ꦛꦶꦩꦂꦢꦶꦏ꧉",
    "balinese": "ᬲᬓᬮ ᬫᬦᬸᬱ ᬳᬶᬦᬸᬩᬶᬭᬸᬕ᭄ ᬫᬭ᭄ᬤᬾᬓ᭟",
    "buginese": "ᨔᨗᨊᨗᨊ ᨑᨘᨄ ᨈᨕᨘ ᨑᨗ ᨍᨍᨗᨕᨂᨗ",
    "tagalog": "ᜀᜅ᜔ ᜎᜑᜆ᜔ ᜈᜅ᜔ ᜆᜂ᜔ ᜀᜌ᜔",
    "cham": "ꨌꩌ ꨚꩉ ꨆꨭꩆ ꩑꩒",
    "ethiopic": "የሰው ልጅ ሁሉ ሲወለድ ነጻና በክብርና በመብትም እኩልነት ያለው ነው። ፩፪፫",
    "tifinagh": "ⵎⴷⴷⵏ ⴰⴽⴽⵯ ⵜⵜⵍⴰⵍⵏ ⵉⵍⵍⵉ ⵜⵏ ⴰⵡⴰⵙⵙ",
    "vai": "ꕉꕜꕮ ꔔꘋ ꖸ ꔰ ꗋꘋ ꕮꕨ",
    "bamum": "ꚠꛅꚡ ꛦꚰꚶ",
    "osmanya": "𐒛𐒆𐒖𐒒𐒖𐒔𐒙 𐒆𐒖𐒑𐒛𐒒𐒂𐒕𐒈𐒖",
    # The Americas
    "cherokee": "ᏂᎦᏓ ᎠᏂᏴᏫ ᏂᎨᎫᏓᎸᎾ ᎠᎴ ᎤᏂᏠᏱ ꮒꭶꮣ ꭰꮒᏼꮻ",
    "inuktitut": "ᐃᓄᓕᒫᑦ ᐊᓂᖅᑎᕆᔪᓕᒫᑦ ᐃᓅᓚᐅᕐᓂᖅᑐᑦ",
    "osage": "𐓏𐓘𐓻𐓘𐓻𐓟 𐒻𐓟 𐓷𐓣𐓡𐓘",
    "deseret": "𐐜 𐐝𐐻𐐰𐑉 𐐝𐐹𐐰𐑍𐑊𐐼 𐐒𐐰𐑌𐐲𐑉",
    "shavian": "𐑷𐑤 𐑣𐑿𐑥𐑩𐑯 𐑚𐑰𐑦𐑙𐑟 𐑸 𐑚𐑹𐑯 𐑓𐑮𐑰",
    # Dead
    "coptic": "Ⲡⲉⲛⲓⲱⲧ ⲉⲧϧⲉⲛ ⲛⲓⲫⲏⲟⲩⲓ ⲙⲁⲣⲉϥⲧⲟⲩⲃⲟ ⲛ̀ϫⲉ ⲡⲉⲕⲣⲁⲛ",
    "gothic": "𐌰𐍄𐍄𐌰 𐌿𐌽𐍃𐌰𐍂 𐌸𐌿 𐌹𐌽 𐌷𐌹𐌼𐌹𐌽𐌰𐌼",
    "runic": "ᚠᛁᛋᚳ᛫ᚠᛚᚩᛞᚢ᛫ᚪᚻᚩᚠᚩᚾᚠᛖᚱᚷᛖᚾᛒᛖᚱᛁᚷ ᛮ",
    "ogham": "᚛ᚉᚑᚅᚔᚉᚉᚔᚋ ᚔᚈᚔ ᚍᚂᚐᚅᚑ ᚅᚔᚋᚌᚓᚅᚐ᚜",
    "old italic": "𐌀𐌅𐌄𐌋𐌄 𐌅𐌄𐌙𐌄",
    "phoenician": "𐤀𐤓𐤍 𐤆 𐤐𐤏𐤋 𐤀𐤕𐤁𐤏𐤋 𐤁𐤍 𐤀𐤇𐤓𐤌 𐤟",
    "ugaritic": "𐎀𐎍𐎔 𐎟 𐎁𐎚",
    "old persian": "𐎠𐎭𐎶 𐏐 𐎭𐎠𐎼𐎹𐎺𐎢𐏁 𐏓",
    "cuneiform": "𒀭𒂗𒍪 𒈗 𒆠𒂗𒄀 𒐕𒐖",
    "hieroglyphs": "𓅃𓆣𓁹 𓋹𓍑𓋴 𓀀",
    "linear b": "𐀡𐀕 𐀀𐀓𐀫 𐄇",
    "old turkic": "𐱅𐰭𐰼𐰃 𐱅𐰏 𐱅𐰭𐰼𐰃𐰓𐰀 𐰉𐰆𐰞𐰢𐱁",
    "avestan": "𐬀𐬴𐬆𐬨 𐬬𐬊𐬵𐬏 𐬬𐬀𐬵𐬌𐬱𐬙𐬆𐬨",
}

EMOJI = {
    "zwj families": "👨\u200d👩\u200d👧\u200d👦 fam👩\u200d❤️\u200d💋\u200d👨ily",
    "zwj flags and jobs": "🏳️\u200d🌈 🏴\u200d☠️ 👩🏽\u200d🚀 🧑\u200d⚕\ufe0f",
    "flags": "🇩🇪🇫🇷 🇯🇵a🇺 🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
    "keycaps": "1️⃣ #️⃣ *️⃣ a2️⃣b 9\u20e3 🔟",
    "variation selectors": "❤\ufe0e ❤\ufe0f ☎\ufe0f☎ 葛\U000e0100城 辻\ufe00",
    "variation selectors on letters": "a\ufe00b \U000e01ef a\U000e01ef ᠠ\u180b",
    "skin tones": "👍👍🏻👍🏼👍🏽👍🏾👍🏿 🏽 ok👌🏿ok",
    "emoticons": ":-) ;) <3 ¯\\_(ツ)_/¯ ʕ•ᴥ•ʔ (╯°□°)╯︵ ┻━┻ ಠ_ಠ ＾▽＾",
}

LETTERS = {
    "dotted and dotless i": "İstanbul ISPARTA ıspanak iİIı i\u0307 DİYARBAKIR \u0130\u0130 a\u0130",
    "sharp s": "ß ẞ STRAẞE straße ss",
    "sigma": "Σ σ ς ΣΑΣ ΟΔΟΣ ὈΔΥΣΣΕΎΣ ΑΣ. ΑΣΑ Σ\u0301 ΑΣ\u0301",
    "long s": "ſ ſs Poſt ﬅ ẛ",
    "kelvin, angstrom, ohm": "\u212a \u212b \u2126 5\u212a k å ω K",
    "title-case digraphs": "ǄǅǆǇǈǉǊǋǌ ǱǲǳǅEP ᾈᾘᾨ",
    "ligatures": "ﬁne ﬀ ﬃ ﬄ ﬆ ĳ Ĳ ŉ ŀ",
    "underscores": "_ __init__ a_b _a a_ ‿ a‿b ＿ a＿b ﹍ ⁀",
    "apostrophes and hyphens": "don't don’t rock‘n’roll co-op co‐op a\u00adb o\u2019clock",
    "urls": "https://www.example.org/a_b?c=d&e=%20#f user.name+tag@example.com @user #tag",
    "code": "C++ C# .NET 3.14 1,000.5 x=y**2; a->b // $HOME \\n {}[]<> ~`^|",
    "fullwidth": "ＡＢＣａｂｃ１２３！？＿ Ａ_ａ",
    "superscripts": "x² y³ z¹ aⁿ H₂O ½ ¼ 1⁄2 ⅷ Ⅷ ⓪ ① ⑳ ⒈ Ⓐⓐ ㈠ ㊀ ª º ™ ℠",
    "mathematical": "𝐀𝐛𝐂 𝒜𝓫 𝔄𝔟 𝟎𝟏𝟚𝟯𝟿 ∑∫√∞≠ ℵ ℏ ∂ 𝜕 ℝ",
    "han beyond the bmp": "𠀀𠀁 𪛖 𪜀𫜴 𫝀 𫠠 𬺰 丽 \U00030000\U0003134a \U00020bb7野家",
    "han compatibility": "豈更車 﨎﨏 ㍻ ㋀ ⼀⼁ ⿰亻言 ㆒㆓ ㇀ 〡〢〣 〸〹 〻 〼",
    "kana marks": "か\u3099 ハ\u309a ゛゜ ゔ ヷ ー ｰ ㇰㇱ 〱〲 𛀀𛀁 𛅐 𛄟",
    "marks after a character": "ก\u0301\u0302่ 字\u0301\u20dd字 か\u0301a\u0301",
    "marks after a joiner": "漢\u200d\u0301字 ท\u0e33\u0e48 ก \u0301 か\u3099\u309a\u3099",
    "digits among characters": "第1章 ๑๒ก๓ 2024年12月31日 A字B x字\u0301x 字_字 _字 ໑ກ໒",
}

MARKS = {
    "combining": "e\u0301 n\u0303o e\u0301\u0323 \u0301e  \u0301 a\u20dd",
    "combining on digits and signs": "1\u0301 !\u0301 \u0903 क\u094d _\u0301 \u0301\u0301",
    "zalgo": "Z" + "".join(map(chr, range(0x300, 0x370))) + "algo" + "\u0489\u036f" * 20,
    "joiners": "a\u200db a\u200cb a\u200bb a\u2060b a\u034fb",
    "indic joiners": "क\u094d\u200dष क\u094d\u200cष \u200d \u200c",
    "bom in the middle": "\ufeffstart mid\ufeffdle \ufeff end\ufeff",
    "bidi controls": "a\u200eb\u200fc \u202aabc\u202c \u202eevil\u202c \u061c",
    "bidi isolates": "\u2066x\u2069\u2067y\u2069\u2068z\u2069 a\u2066b\u2069c",
    "bidi mixed": "abc \u05d0\u05d1 123 \u0627\u0644 (\u05d0) \u202b\u05d0\u05b8!\u202c x\u200f.",
    "interlinear": "\ufff9a\ufffab\ufffb \ufffc soft\u00adhyphen",
    "line separators": "a\u2028line\u2029paragraph\x85next\x0bvertical\x0cform\x1ca\x1fb",
    "tags": "a\U000e0001b \U000e0041\U000e0061\U000e007f \U000e0020",
    "private use": "\ue000\uf8ff a\ue123b \U000f0000 \U000ffffd \U00100000 x\U0010fffdy",
    "replacement": "\ufffd a\ufffdb \ufffd\ufffd \ufffdx",
    "nul": "\0 a\0b \0\0 x\0",
}

LONE_SURROGATES = {
    "lone surrogates": "\ud800 a\udc00b \udfff\ud800 x\udbff \udcff",
    "surrogate pair as two": "a\ud83d\ude00b \ude00\ud83d",
    "surrogate at the end": "word\ud800",
    "surrogate beside characters": "漢\ud800字\udfff\u0301 ก\udc00",
}


def every(wanted: str) -> str:
    """All code points whose general category begins with ``wanted``, in order."""
    category = unicodedata.category
    return "".join(c for c in map(chr, range(0x110000)) if category(c).startswith(wanted))


def _made() -> Iterator[tuple[str, Document]]:
    yield "empty", ""
    yield "empty bytes", b""
    yield "one space", " "
    yield "spaces", " \t\r\n" * 20
    space = "".join(c for c in map(chr, range(0x110000)) if c.isspace())
    yield "all whitespace", space
    yield "words between all whitespace", "".join(f"a{c}b" for c in space)
    for first in (0x00, 0x80):
        controls = [chr(c) for c in range(first, first + 0x20)]
        yield f"controls from {first:#x}", "".join(controls)
        yield f"words between controls from {first:#x}", "".join(f"a{c}b " for c in controls)
    yield "all ascii", "".join(map(chr, range(128)))
    yield "all latin-1", "".join(map(chr, range(256)))
    yield "all latin-1 as single bytes", bytes(range(256))
    last = [chr((plane << 16) + c) for plane in range(17) for c in (0xFFFE, 0xFFFF)]
    yield "noncharacters", " ".join(last + [chr(c) for c in range(0xFDD0, 0xFDF0)]) + "".join(last)
    edges = [0x7F, 0x80, 0x7FF, 0x800, 0xD7FF, 0xE000, 0xFFFF, 0x10000, 0x3FFFF, 0x40000, 0x10FFFF]
    yield "edges of the encoding", "".join(f"{chr(c)}a{chr(c)} " for c in edges)
    cased = "".join(c for c in map(chr, range(0x110000)) if c.lower() != c)
    yield "every letter with a lower case", cased
    yield "every letter with a lower case, apart", " ".join(cased)
    digits = every("Nd")
    yield "digits of all scripts", " ".join(digits[i : i + 10] for i in range(0, len(digits), 10))
    yield "digits of all scripts, one by one", " ".join(digits)
    yield "numbers that are not digits", every("No") + " " + " ".join(every("Nl"))
    marks = every("M")
    yield "every mark after a letter", "".join("a" + c for c in marks)
    yield "every mark after a character", "".join("字" + c for c in marks)
    yield "every mark alone", " ".join(marks)
    yield "every format control in a word", "".join(f"a{c}b " for c in every("Cf"))
    yield "every punctuation in a word", "".join(f"a{c}b " for c in every("P"))
    yield "han, a sample", "".join(map(chr, range(0x3400, 0xA000, 97)))
    yield "han beyond the bmp, a sample", "".join(map(chr, range(0x20000, 0x3FFFF, 997)))
    yield "hangul, a sample", "".join(map(chr, range(0xAC00, 0xD7A4, 53)))


def _assigned() -> Iterator[tuple[str, str]]:
    """All assigned code points but ideographs, Hangul and private use, 1024 at a time."""
    dull = re.compile("CJK UNIFIED|CJK COMPAT|HANGUL SYLL|TANGUT|KHITAN|NUSHU")
    wanted = [
        c
        for c in map(chr, range(0x20000))
        if unicodedata.category(c) not in ("Cn", "Co", "Cs")
        and not dull.match(unicodedata.name(c, "TANGUT" if c >= "\U00017000" else ""))
    ]
    for i in range(0, len(wanted), 1024):
        chunk = wanted[i : i + 1024]
        yield f"code points from U+{ord(chunk[0]):04X}", "".join(chunk)
        yield f"code points from U+{ord(chunk[0]):04X}, apart", " ".join(chunk)


def _multibyte() -> Iterator[bytes]:
    """Three- and four-byte sequences, right and wrong, of every class, whole and cut short.

    The lead bytes are the edges of the rows of table 3-7 of The Unicode Standard (well-formed
    UTF-8), and those never allowed; so are the continuation bytes.
    """
    second = (0x41, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xE2)
    later = (0x41, 0x80, 0xBF, 0xC2, 0xFF)
    for lead in (0xE0, 0xE1, 0xEC, 0xED, 0xEE, 0xEF):
        for b1, b2 in itertools.product(second, later):
            yield bytes([lead, b1, b2])
    for lead in (0xF0, 0xF1, 0xF3, 0xF4, 0xF5, 0xF7, 0xF8, 0xFC, 0xFE, 0xFF):
        for b1, b2 in itertools.product(second, later):
            yield bytes([lead, b1, b2])
            for b3 in later:
                yield bytes([lead, b1, b2, b3])


def byte_sequences() -> Iterator[bytes]:
    """All sequences of one and two bytes, and of three and four of every class, one a document."""
    for size in (1, 2):
        for sequence in itertools.product(range(256), repeat=size):
            yield bytes(sequence)
    yield from _multibyte()


def _broken() -> Iterator[tuple[str, bytes]]:
    """The same in longer documents, between letters, spaces and characters."""
    pairs = [bytes(pair) for pair in itertools.product(range(256), repeat=2)]
    for lead in range(0x80, 0x100, 3):
        some = pairs[256 * lead : 256 * lead + 256]
        yield f"bytes {lead:#x} and any other", b"x".join(some) + bytes([lead])
    longer = list(_multibyte())
    yield "longer sequences among letters", b"x".join(longer)
    yield "longer sequences, side by side", b"".join(longer)
    yield "longer sequences after characters", "字".encode().join(longer)
    yield "overlong", b"\xc0\x80 \xc0\xaf \xc1\xbf \xe0\x80\x80 \xe0\x9f\xbf \xf0\x80\x80\x80"
    yield "surrogates in utf-8", b"a\xed\xa0\x80b \xed\xbf\xbf \xed\xa0\xbd\xed\xb8\x80"
    yield "past the last code point", b"\xf4\x90\x80\x80 \xf5\x80\x80\x80 \xfb\xbf\xbf\xbf\xbf"
    for cut in range(1, 4):
        yield f"cut short after {cut} bytes", "word 😀".encode()[: 5 + cut]
    yield "utf-16 with its mark", "Grüße".encode("utf-16")
    yield "latin-1 text", "Grüße, naïve façade".encode("latin-1")
    yield "shift-jis text", "日本語のテキスト".encode("shift-jis")
    yield "bom first", b"\xef\xbb\xbfword"


@cache
def documents() -> tuple[tuple[str, Document], ...]:
    """(name, document), without the big ones."""
    found: list[tuple[str, Document]] = list(_made())
    for group in (SENTENCES, EMOJI, LETTERS, MARKS, LONE_SURROGATES):
        found.extend(group.items())
    everything = "\n".join(SENTENCES.values())
    for form in ("NFC", "NFD", "NFKC", "NFKD"):
        found.append((f"all sentences, {form}", unicodedata.normalize(form, everything)))
    found.append(("all sentences, without spaces", re.sub(r"\s", "", everything)))
    found.append(("all sentences, upper case", everything.upper()))
    found.append(("all sentences, in bytes", everything.encode()))
    found.append(("all sentences, every second byte", everything.encode()[::2]))
    found.extend(_assigned())
    found.extend(_broken())
    return tuple(found)


def big_documents() -> Iterator[tuple[str, Document]]:
    """Large ones, made when their turn comes."""
    yield "one token of 10 MB", "Überaus" * (10_000_000 // 8)
    yield "a million tokens", " ".join(str(i % 5003) for i in range(1_000_000))
    yield "a million bytes that are not text", bytes(i * i % 251 for i in range(1_000_000))
