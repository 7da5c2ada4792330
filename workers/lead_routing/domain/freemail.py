"""Mail providers that give addresses to anybody: their domains say nothing about a company."""

from __future__ import annotations

_DOMAINS = """
126.com 163.com abv.bg aim.com alice.it aol.com arcor.de att.net bellsouth.net bigpond.com bk.ru bluewin.ch
btinternet.com centrum.cz charter.net comcast.net cox.net duck.com earthlink.net email.com email.cz fastmail.com
fastmail.fm free.fr freemail.hu freenet.de gmail.com gmx.at gmx.ch gmx.com gmx.de gmx.fr gmx.net googlemail.com
hanmail.net hey.com home.nl hotmail.co.uk hotmail.com hotmail.de hotmail.es hotmail.fr hotmail.it icloud.com
inbox.ru interia.pl juno.com kpnmail.nl laposte.net libero.it list.ru live.co.uk live.com live.de live.fr live.nl
mac.com mail.com mail.de mail.ru mailbox.org me.com msn.com naver.com netzero.net o2.pl onet.pl optonline.net
orange.fr outlook.com outlook.de outlook.es outlook.fr planet.nl pm.me posteo.de proton.me protonmail.com qq.com
rambler.ru rediffmail.com rocketmail.com sapo.pt sbcglobal.net seznam.cz sfr.fr shaw.ca sina.com sky.com skynet.be
sympatico.ca t-online.de telefonica.net telenet.be terra.es tin.it tiscali.it tuta.com tutanota.com ukr.net uol.com.br
verizon.net virgilio.it virginmedia.com vodafone.de wanadoo.es wanadoo.fr web.de wp.pl xs4all.nl yahoo.ca
yahoo.co.in yahoo.co.jp yahoo.co.uk yahoo.com yahoo.com.br yahoo.de yahoo.es yahoo.fr yahoo.it yandex.com yandex.ru
ymail.com zoho.com ziggo.nl
"""

FREE_MAIL = frozenset(_DOMAINS.split())


def is_free_mail(domain: str | None) -> bool:
    """Whether anybody can have an address at this domain (lower case)."""
    return domain is not None and domain in FREE_MAIL
