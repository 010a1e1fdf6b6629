#!/usr/bin/env python3
"""mirror.py - what Debian's installer asks of a mirror, from what apt has fetched. Nothing is downloaded here: apt does that.

Usage: mirror.py lists APT-LISTS DIR          make DIR (dists/SUITE) of the lists that apt keeps
       mirror.py wanted DIR ARCH INITRD       print KERNEL, then "NAME=VERSION PATH" of the components that the installer in the file
                                              INITRD will ask for unasked: those of standard priority for its kernel, and their needs
       mirror.py mend DIR ARCH ROOT [UDEB]... write lists of those components only that are in ROOT/pool, and the UDEBs: unsigned
       mirror.py serve ROOT LOG               serve ROOT as /debian by HTTP on this host's loopback; prints the port. LOG gets a line
                                              for each request
"""
import gzip
import hashlib
import http.server
import io
import lzma
import os
import re
import shutil
import subprocess
import sys


def split_signed(text):
    """(Release, Release.gpg) of an InRelease. The sum of a cleartext signature leaves out the last line's end, that of a separate
    one does not (RFC 4880, 7.1): without it the one signature is good for the other."""
    match = re.match(r'-----BEGIN PGP SIGNED MESSAGE-----\n(?:[^\n]+\n)*\n(.*)\n(-----BEGIN PGP SIGNATURE-----\n.*)', text, re.S)
    if not match:
        sys.exit('mirror.py: InRelease is not signed')
    return re.sub(r'(?m)^- ', '', match.group(1)), match.group(2)


def write(name, data):
    os.makedirs(os.path.dirname(name), exist_ok=True)
    with open(name, 'wb') as file:
        file.write(data if isinstance(data, bytes) else data.encode())


def make_small_release(release, out):
    """Each list's own Release, which the installer wants to see and apt does not fetch: it repeats what the signed one says. Only the
    one with the right sum is written."""
    said = dict(re.findall(r'(?m)^(\w[\w-]*): (.*)$', release))
    sums = set(re.findall(r'(?m)^ ([0-9a-f]{64}) +\d+ (\S+)$', release))
    for name in {name for _, name in sums if re.fullmatch(r'main/binary-\w+/Release', name)}:
        text = (f"Archive: {said['Suite']}\n" + ''.join(f'{key}: {said[key]}\n' for key in ('Origin', 'Label', 'Version', 'Acquire-By-Hash')) +
                f"Component: main\nArchitecture: {name.split('/')[1][7:]}\n")
        if (hashlib.sha256(text.encode()).hexdigest(), name) in sums:
            write(os.path.join(out, name), text)


def make_lists(lists, out):
    """apt's names are the addresses with _ for /."""
    done = 0
    for name in os.listdir(lists):
        kept = re.fullmatch(r'.*_dists_[a-z]+_(.*)', name)
        if not kept or '-installer_' not in name and kept.group(1) != 'InRelease':
            continue
        path = os.path.join(lists, name)
        if kept.group(1) == 'InRelease':
            with open(path, encoding='utf-8') as file:
                release, signature = split_signed(file.read())
            write(os.path.join(out, 'Release'), release)
            write(os.path.join(out, 'Release.gpg'), signature)
            make_small_release(release, out)
        else:
            to = os.path.join(out, kept.group(1).replace('_', '/'))
            os.makedirs(os.path.dirname(to), exist_ok=True)
            shutil.copyfile(path, to)
        done += 1
    if done < 2:
        sys.exit('mirror.py: apt has no lists')


def fields(paragraph):
    return dict(line.split(':', 1) for line in paragraph.split('\n') if line[:1] not in ('', ' ', '\t') and ':' in line)


def names(value):
    """The names in a list of packages, without versions; of alternatives the first."""
    return [part.split('|')[0].split('(')[0].strip() for part in value.split(',') if part.strip()]


def components(dist, arch):
    with lzma.open(os.path.join(dist, 'main/debian-installer', f'binary-{arch}', 'Packages.xz'), 'rt', encoding='utf-8') as file:
        return [p for p in file.read().split('\n\n') if p.strip()]


def wanted(dist, arch, initrd):
    with gzip.open(initrd) as packed:
        run = subprocess.run(['cpio', '-i', '--quiet', '--to-stdout', 'var/lib/dpkg/status'], input=packed.read(), stdout=subprocess.PIPE,
                             check=True)
    there = set()
    for paragraph in run.stdout.decode().split('\n\n'):
        said = fields(paragraph)
        there.update(names(said.get('Package', '')) + names(said.get('Provides', '')))
    kernel = [n[len('kernel-image-'):-len('-di')] for n in there if n.startswith('kernel-image-') and n.endswith('-di')]
    if len(kernel) != 1:
        sys.exit(f'mirror.py: the kernel of the installer is not known: {kernel}')
    fitting = [s for s in map(fields, components(dist, arch)) if s.get('Kernel-Version', kernel[0]).strip() == kernel[0]]
    provider = {}
    for said in fitting:
        for name in names(said['Package']) + names(said.get('Provides', '')):
            provider.setdefault(name, said)
    print(kernel[0])
    todo = [s for s in fitting if s['Priority'].strip() in ('required', 'important', 'standard')]
    while todo:
        said = todo.pop()
        name = said['Package'].strip()
        if name not in there:
            there.add(name)
            print(f"{name}={said['Version'].strip()} {said['Filename'].strip()}")
            todo += [provider[n] for n in names(said.get('Depends', '')) if n in provider]


def mend(dist, arch, root, own):
    kept = [p for p in components(dist, arch) if os.path.exists(os.path.join(root, fields(p)['Filename'].strip()))]
    for name in own:
        with open(os.path.join(root, name), 'rb') as file:
            data = file.read()
        control = subprocess.run(['dpkg-deb', '-f', os.path.join(root, name)], stdout=subprocess.PIPE, check=True).stdout.decode()
        kept.append(f'{control.strip()}\nFilename: {name}\nSize: {len(data)}\nMD5sum: {hashlib.md5(data).hexdigest()}\n'
                    f'SHA256: {hashlib.sha256(data).hexdigest()}')
    # what is not there is not needed either: the initrd's own components are not in these lists
    there = {name for p in kept for name in names(fields(p)['Package'])}
    gone = {name for p in components(dist, arch) for name in names(fields(p)['Package'])} - there
    kept = [re.sub(r'(?m)^Depends: (.*)$', lambda m: 'Depends: ' + ', '.join(n for n in names(m.group(1)) if n not in gone), p) for p in kept]
    with open(os.path.join(dist, 'Release'), encoding='utf-8') as file:
        head = ''.join(line for line in file if re.match(r'(Origin|Label|Suite|Version|Codename|Date):', line))
    listed = lzma.compress(('\n\n'.join(p.strip() for p in kept) + '\n\n').encode())
    path = f'main/debian-installer/binary-{arch}/Packages.xz'
    write(os.path.join(dist, path), listed)
    write(os.path.join(dist, 'Release'), f'{head}Architectures: {arch}\nComponents: main\nSHA256:\n '
          f'{hashlib.sha256(listed).hexdigest()} {len(listed)} {path}\n')
    os.unlink(os.path.join(dist, 'Release.gpg'))


def serve(root, log_name):
    log = io.TextIOWrapper(open(log_name, 'wb'), write_through=True)

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args):
            super().__init__(*args, directory=root)

        def translate_path(self, path):
            return super().translate_path(path[7:] if path.startswith('/debian/') else '/none')

        def log_message(self, *args):
            log.write(self.log_date_time_string() + ' ' + args[0] % args[1:] + '\n')

    with http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler) as server:
        print(server.server_address[1], flush=True)
        server.serve_forever()


def main():
    what, args = sys.argv[1:2], sys.argv[2:]
    if what == ['lists'] and len(args) == 2:
        make_lists(*args)
    elif what == ['wanted'] and len(args) == 3:
        wanted(*args)
    elif what == ['mend'] and len(args) >= 3:
        mend(*args[:3], args[3:])
    elif what == ['serve'] and len(args) == 2:
        serve(*args)
    else:
        sys.exit(__doc__)


if __name__ == '__main__':
    main()
