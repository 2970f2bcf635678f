"""Phrases that the simulated texts are put together from. Data only."""

from __future__ import annotations

LANGUAGES = ("zh", "en", "es", "ja")
LANGUAGE_SHARES = (0.55, 0.27, 0.12, 0.06)

STOCK = (
    "so true!!", "哈哈哈", "哈哈哈哈哈", "lol", "first", "笑死", "学到了", "mark一下", "nice", "love it ❤️", "jajaja",
    "同意", "求链接", "+1", "omg", "wow", "太真实了", "绝了", "好美", "same here", "草", "すごい", "いいね", "totalmente",
    "qué bonito", "好家伙", "this 👆", "666", "冲", "支持", "可爱！", "😂😂😂", "❤️", "👍", "收藏了", "蹲一个", "goals", "facts",
)  # fmt: skip

EMOJI = ("", "", "", "", "", "😂", "🔥", "✨", "🥹", "❤️", "👏", "🙈", "😭", "🤔", "💪", "🌱", "🎉", "🫶")
MARKS = ("", ".", "!", "!!", "~", "…", " ~", "！", "。", "?!")

# language -> slots of a casual sentence; {} stands for the topic's name
CASUAL: dict[str, tuple[tuple[str, ...], ...]] = {
    "en": (
        ("honestly", "ok but", "not gonna lie,", "wait,", "hmm", "finally someone says it:", "yesterday", "this morning",
         "my sister says", "after three tries", "as a nurse", "living abroad", "between us,", "small update:", "question:",
         "as usual", "at my age", "since last week", "my dad", "during lunch", "on the bus", "every winter", "to be fair,",
         "random thought:", "for once", "back home", "in our office", "with two kids"),
        ("I tried", "we keep talking about", "nobody explains", "I gave up on", "you all recommended", "I regret buying",
         "he fixed", "we drove two hours for", "I dream about", "my cat ruined", "she painted", "they cancelled", "I missed",
         "we almost lost", "I returned", "grandma asks about", "I cannot stop thinking of", "I would skip", "we cooked for",
         "the teacher praised", "I paid double for", "I learned to love", "we argued about", "people underrate", "I queued for"),
        ("{}", "the {} thing", "that {} shop", "my old {}", "{} at night", "a cheap {}", "the second {} set", "{} class",
         "the {} trip", "your {} photos", "{} leftovers", "the blue {}", "half of the {}", "the {} queue", "{} in the rain",
         "our {} plan", "the {} ending", "a broken {}", "this {} recipe", "the {} people"),
        ("and it rained", "but the colour was off", "for my birthday", "without reading anything", "near the station",
         "and the battery died", "because of the price", "with zero sleep", "before the exam", "so the neighbours heard",
         "while the soup burned", "in the wrong size", "and cried a little", "with my boss watching", "after the flight",
         "until the lights went out", "for under ten euros", "and nobody noticed", "with frozen hands", "on a Tuesday",
         "so now I own four", "but the sound was great", "and got lost twice", "instead of dinner", "like an idiot"),
        ("", "", "any tips?", "never again", "would repeat", "who else?", "send help", "ask me anything", "photos later",
         "worth every minute", "my knees hurt", "no regrets", "see you there", "thoughts?", "still laughing", "long story"),
    ),
    "zh": (
        ("说真的", "昨天", "今早", "我妈说", "等等", "排队的时候", "加班到九点", "作为新手", "第三次了", "周末", "其实", "小声说一句",
         "在地铁上", "搬家以后", "室友", "回老家", "刚下班", "孩子睡了", "下雨天", "考完试", "没想到", "路过公园", "失眠的晚上", "午休时"),
        ("试了", "又买了", "研究了半天", "差点错过", "终于等到", "放弃了", "推荐给同事", "弄坏了", "退掉了", "拍了一组", "重新整理了",
         "跟老公吵起来因为", "学着做", "梦见", "捡漏了", "种草了", "拔草了", "问遍了朋友圈才找到", "安利给奶奶", "跑了两家店找"),
        ("{}", "那家{}", "旧的{}", "{}套装", "第二件{}", "晚上的{}", "{}课", "便宜的{}", "限量{}", "{}的结尾", "蓝色{}", "{}配方", "朋友的{}",
         "楼下的{}", "半份{}", "{}攻略"),
        ("结果下雨了", "颜色不太对", "价格还行", "电池没电了", "邻居都听见了", "手都冻僵", "迷路两次", "汤都烧干了", "尺码偏小", "声音不错",
         "老板在旁边看着", "一个人吃完", "花了不到五十", "没人发现", "哭了一会儿", "顺便去了书店", "早知道不睡了", "比想象中重", "味道像小时候",
         "拍照很出片", "退货好麻烦", "等了四十分钟"),
        ("", "", "有同款吗", "求推荐", "不会再来", "还会回购", "蹲后续", "照片晚点发", "膝盖疼", "不后悔", "谁懂啊", "姐妹们怎么看", "值了", "慎入"),
    ),
    "es": (
        ("la verdad,", "ayer", "esta mañana", "mi prima dice:", "espera,", "en el bus", "después del trabajo", "con dos niños",
         "como siempre,", "una duda:", "al final", "en mi barrio", "desde enero", "mi abuelo", "de camino a casa", "sin dormir"),
        ("probé", "perdí", "compré otra vez", "nadie me explicó", "devolví", "soñé con", "arreglamos", "cocinamos", "casi rompo",
         "recomendaste", "esperé una hora por", "pintamos", "cancelaron", "aprendí a querer", "discutimos por"),
        ("{}", "lo de {}", "la tienda de {}", "un {} barato", "el segundo {}", "las fotos de {}", "el final de {}", "mi viejo {}",
         "la clase de {}", "el viaje de {}", "medio {}", "la receta de {}"),
        ("y llovió", "pero el color no era", "por mi cumpleaños", "sin leer nada", "cerca de la estación", "y se apagó la luz",
         "por el precio", "antes del examen", "con las manos heladas", "y nadie se dio cuenta", "en vez de cenar", "un martes",
         "y me perdí dos veces", "con mi jefe mirando", "hasta las tres"),
        ("", "", "¿consejos?", "nunca más", "repetiría", "¿alguien más?", "luego fotos", "vale la pena", "sin arrepentirme", "qué risa"),
    ),
    "ja": (
        ("正直", "昨日", "今朝", "母いわく", "電車で", "雨の日に", "仕事帰り", "三回目で", "初心者だけど", "週末", "ついに", "夜中に"),
        ("試した", "また買った", "見逃しかけた", "諦めた", "返品した", "夢に出た", "撮ってきた", "直してもらった", "並んで手に入れた", "友達に勧めた"),
        ("{}", "例の{}", "古い{}", "{}セット", "夜の{}", "安い{}", "限定{}", "{}の最後", "近所の{}", "{}教室"),
        ("けど雨だった", "色が違った", "値段は普通", "電池が切れた", "道に迷った", "手が凍えた", "思ったより重い", "音は良い", "懐かしい味", "誰も気づかない"),
        ("", "", "おすすめある?", "もう行かない", "また買う", "写真はあとで", "後悔なし", "誰かわかる?"),
    ),
}  # fmt: skip

# language -> slots of a long polished text, as translators, dictation users and AI tools write
POLISHED: dict[str, tuple[tuple[str, ...], ...]] = {
    "en": (
        ("What a thoughtful perspective on", "This is a wonderful reminder of", "I truly appreciate the attention given to",
         "It is fascinating to see how many people discover", "Thank you for sharing such a detailed account of",
         "There is something quietly remarkable about", "Few posts capture so clearly the appeal of",
         "I have long been curious about", "Your description brings out the best in", "One rarely reads so balanced a view of"),
        ("{} and the care behind it;", "{}, especially for beginners;", "{} in everyday life;", "{} and its small details;",
         "{} as a shared experience;", "{}, which deserves more attention;", "{} beyond the obvious;", "{} in all its variety;"),
        ("the way you explain each step makes it accessible", "it shows how patience turns into skill",
         "the comparison with last year adds real depth", "your photographs support the argument beautifully",
         "the practical advice will help many readers", "it invites us to slow down and observe",
         "the honest remarks about cost are especially useful", "the story of the first attempt is very relatable",
         "the balance of facts and feeling is well judged", "each example illustrates a different aspect",
         "the conclusion leaves room for everyone's own way", "it reminded me of a long walk in autumn"),
        ("and I look forward to reading more.", "and it has encouraged me to try again.", "which is why I saved it for later.",
         "and I will gladly recommend it to a friend.", "so thank you once more for the effort.",
         "and I wonder how it will develop over time.", "which makes the whole discussion richer.",
         "and that is a rare quality these days.", "so please keep us informed.", "and it certainly broadened my view."),
    ),
    "zh": (
        ("非常感谢您如此细致地分享", "这篇内容让我重新认识了", "您的观察十分敏锐，尤其是关于", "很少有人能把道理讲得这样清楚，说的正是", "我一直希望深入了解",
         "文章从多个角度展现了", "读完之后我对以下主题有了新的理解：", "在快节奏的生活中，难得有人用心记录"),
        ("{}的价值，", "{}背后的用心，", "{}与日常生活的联系，", "{}对初学者的意义，", "{}中容易被忽视的细节，", "{}的多样面貌，", "{}带来的启发，"),
        ("步骤清晰，条理分明，", "实例丰富，很有说服力，", "关于成本的说明尤其实用，", "第一次尝试的经历令人感同身受，", "照片与文字相得益彰，", "结尾留有余味，引人深思，",
         "比较的部分很有深度，", "语言平实却富有温度，", "建议具体可行，值得收藏，", "每个例子都说明了不同的侧面，"),
        ("期待您继续更新。", "也鼓励我再次尝试。", "我会推荐给身边的朋友。", "再次感谢您的付出。", "相信会帮助更多读者。", "让整个讨论更加充实。", "这样的内容如今十分难得。",
         "希望未来能看到后续进展。"),
    ),
    "es": (
        ("Qué reflexión tan cuidada sobre", "Agradezco sinceramente el detalle con que describes", "Pocas veces se lee algo tan claro acerca de",
         "Resulta fascinante descubrir", "Gracias por compartir una visión tan completa de", "Tu texto transmite muy bien la esencia de"),
        ("{} y el esfuerzo que supone;", "{} en la vida cotidiana;", "{}, sobre todo para principiantes;", "{} y sus pequeños matices;",
         "{} como experiencia compartida;", "{} más allá de lo evidente;"),
        ("cada paso está explicado con claridad", "las fotografías acompañan de maravilla", "los consejos prácticos ayudarán a muchos",
         "la comparación aporta profundidad", "las observaciones sobre el coste son útiles", "la historia del primer intento emociona",
         "los ejemplos muestran facetas distintas", "el equilibrio entre datos y emoción es notable"),
        ("y espero leer más pronto.", "y me anima a intentarlo de nuevo.", "por eso lo he guardado.", "y lo recomendaré con gusto.",
         "así que gracias una vez más.", "lo cual enriquece el debate."),
    ),
    "ja": (
        ("丁寧なご紹介をありがとうございます。", "大変参考になる視点でした。", "ここまで詳しい記録は貴重です。", "写真と文章の調和が見事でした。", "初心者にも分かりやすい内容でした。"),
        ("{}の魅力と", "{}の奥深さと", "{}にまつわる工夫と", "{}の細やかな違いと", "日常の中の{}と"),
        ("費用についての率直な説明が特に役立ちました。", "最初の挑戦のお話に共感いたしました。", "具体的な助言が心強く感じられました。", "比較の部分に深みがありました。",
         "一つ一つの例が異なる側面を示していました。", "結びの余韻が印象に残りました。"),
        ("続きを楽しみにしております。", "もう一度挑戦してみます。", "友人にも勧めたいと思います。", "改めて感謝いたします。", "今後の展開が気になります。"),
    ),
}  # fmt: skip

# what messages with something to sell or to spread say; {} stands for the topic's name
PITCHES = (
    "Earn from home with {} today, message me for the guide", "限时{}优惠，加我领取资料，名额有限先到先得",
    "The best {} course of this year is finally open, ask me for the link", "内部渠道{}，当天到账，详情私信我了解",
    "Oferta especial de {} solo esta semana, escríbeme y te explico todo", "做{}副业三个月我是怎么翻身的，想学的朋友来找我",
    "I was sceptical about {} until I saw these results, look at my profile", "{}小白也能上手的方法整理好了，需要的扣一发你",
    "Our team is hiring testers for {}, paid daily and no experience needed", "免费送{}教程一份，今晚十二点截止，进群领取",
    "Do not buy any {} before you have read this comparison of the hidden costs", "真心劝大家别再乱买{}了，看完这篇再决定不迟",
)  # fmt: skip

# how a template is varied so that it is not the same text twice
HEADS = ("", "", "", "Hi! ", "hey, ", "亲，", "【", "👉 ", "✨", "Hello ~ ", ">> ")
TAILS = ("", "!", "!!", " 🔥", " ✅", "～", "。", " ✨✨", " 👇", "...", " 😊")

SERVICE = (
    "Thank you for contacting {} support. Your ticket number is", "您好，{}客服已收到您的反馈，工单编号为",
    "Hello, this is the {} service team. We have refunded order", "亲爱的用户，您在{}购买的商品已发出，单号",
    "Gracias por escribir a {}. Su número de caso es", "很抱歉给您带来不便，{}已为您登记，处理编号",
)  # fmt: skip
ASKING = ("where is my order", "退款什么时候到", "the app does not open", "怎么改地址", "¿dónde está mi pedido?", "在吗", "hello?",
          "发票怎么开", "it arrived broken", "账号登不上了", "can I change the size", "客服在吗，急", "注文が届きません")  # fmt: skip
CHAT = ("在吗", "哈哈哈", "几点到", "ok", "收到", "好的", "明天见", "谁有空", "lol", "on my way", "same", "what time?", "图呢", "来了来了", "jajaja",
        "vale", "まじで", "了解", "👍", "😂", "晚安", "吃啥", "打不打球", "wait for me", "I'm late", "nos vemos", "发定位", "没看懂", "真的假的", "早")  # fmt: skip

SLOGANS = (
    "一起守护最好的{}，未来可期，我们一直都在", "Ten years of {} and we are still here, thank you for every stage",
    "{} deserves this award, vote with us tonight and tomorrow", "为{}打call，温暖同行，山水有相逢", "Siempre con {}, hoy y en cada escenario del mundo",
)  # fmt: skip

NAME_HEADS = ("lu", "mo", "ra", "ve", "ko", "sa", "ti", "na", "or", "el", "bri", "cas", "dun", "far", "gel", "hol", "ist", "jun", "kal", "lor")
NAME_TAILS = ("mira", "via", "dan", "zen", "pop", "rio", "nix", "bel", "tan", "gos", "lux", "kit", "wen", "fold", "park", "berry", "craft", "moss")
NAME_CHARS = ("山", "云", "星", "海", "花", "猫", "茶", "风", "月", "鱼", "木", "雪", "竹", "光", "石", "灯", "河", "桃", "鹿", "舟", "书", "琴", "豆", "糖")
