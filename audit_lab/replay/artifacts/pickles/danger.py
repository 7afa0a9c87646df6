"""How dangerous a name is that a pickle would import: 0 where no model needs it and it can do anything.

The order is for a reader only. A pickle is refused whatever it imports: what is ordinary on its own can be combined,
and a list of dangerous names is never complete.
"""

from __future__ import annotations

__all__ = ["rank"]


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


#: Modules that run commands or code, or reach files, the network or the interpreter.
_DANGEROUS = _words(
    """
    __main__ _io _pickle _posixsubprocess aifc antigravity asyncio bdb builtins code codeop commands concurrent copyreg
    cProfile ctypes dill distutils ensurepip faulthandler fileinput ftplib functools gc glob http idlelib imaplib
    importlib inspect io linecache marshal mmap multiprocessing nt ntpath operator os pathlib pdb pickle pip pkgutil
    platform popen2 poplib posix posixpath profile pty pydoc requests resource runpy sched select shelve shutil signal
    site smtplib socket socketserver sqlite3 ssl subprocess sys tarfile telnetlib tempfile test threading timeit tkinter
    trace types unittest urllib urllib2 urllib3 uuid venv webbrowser winreg xmlrpc zipfile zipimport <computed>
    """
)
#: What such modules hold that models are commonly made of.
_ORDINARY_NAMES = _words(
    """
    builtins.object builtins.list builtins.dict builtins.set builtins.frozenset builtins.tuple builtins.int
    builtins.float builtins.complex builtins.bool builtins.str builtins.bytes builtins.bytearray builtins.slice
    builtins.range builtins.NoneType copyreg._reconstructor copyreg.__newobj__ copyreg.__newobj_ex__
    """
)
#: Packages that models are made of, and what pickles need to rebuild containers.
_ORDINARY = _words(
    """
    _codecs catboost cloudpickle collections datetime decimal fractions joblib lightgbm mlflow numpy pandas
    scipy sklearn xgboost
    """
)
#: Functions of those packages that load further files or run code.
_LOADING = _words(
    """
    joblib.load joblib.numpy_pickle.load numpy.load numpy.loadtxt numpy.fromfile numpy.memmap numpy.genfromtxt
    numpy.testing._private.utils.runstring pandas.read_pickle pandas.io.pickle.read_pickle cloudpickle.load
    cloudpickle.loads cloudpickle.cloudpickle.load cloudpickle.cloudpickle.loads numpy.f2py.crackfortran.getlincoef
    cloudpickle.cloudpickle._make_function cloudpickle.cloudpickle._builtin_type cloudpickle.cloudpickle.subimport
    cloudpickle.cloudpickle._function_setstate pandas.core.computation.eval.eval pandas.eval
    """
)


def rank(path: str) -> int:
    """Return 0 for a dangerous name, 1 for one that is not known, 2 for one that models are commonly made of."""
    if path in _LOADING:
        return 0
    if path in _ORDINARY_NAMES:
        return 2
    root = path.partition(".")[0]
    if root in _DANGEROUS or " returns" in path:
        return 0
    return 2 if root in _ORDINARY else 1
